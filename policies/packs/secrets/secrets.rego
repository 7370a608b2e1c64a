# Secrets: what a client sends never holds one, and what a server returns is stripped of them.
# Most messages hold no finding at all: hence what the rules ask first.

# METADATA
# title: Secrets
# description: Credentials never leave towards a server, and are redacted in everything that a server sends.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/200.html
# custom:
#   severity: critical
package policies.secrets

# METADATA
# title: A secret would leave
# description: A request, notification or answer of the client holds a credential.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/201.html
# custom:
#   severity: critical
deny contains {"id": "secrets/leaving", "msg": $"Secrets of these kinds would leave: {sort(kinds)}."} if {
	input.direction == "client_to_server"
	input.findings != []
	kinds := {finding.kind | some finding in input.findings; not may_leave(finding)}
	count(kinds) > 0
}

# METADATA
# title: Not every secret could be counted
# description: The message holds more findings than are listed, so a secret may be among the rest.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/201.html
# custom:
#   severity: high
deny contains {"id": "secrets/too_many_findings"} if {
	input.findings_capped
	not exempt_tool
}

# METADATA
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "secrets/no_settings"} if not settings

# METADATA
# title: A secret was returned
# description: A result, error, notification, question or list entry of the server holds a credential.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/200.html
# custom:
#   severity: high
redact contains {"id": "secrets/returned", "findings": found, "with": operator} if {
	input.direction == "server_to_client"
	input.findings != []
	found := {finding.n |
		some finding in input.findings
		finding.category != "pii"
		not may_return(finding)
	}
	count(found) > 0
	operator := object.get(settings, "redact_with", "replace")
}

settings := data.server_settings[input.server.name].secrets

may_leave(finding) if {
	finding.category == "pii"
} else if {
	finding.kind in settings.exempt_kinds
} else if {
	echoed(finding)
} else if exempt_tool

may_return(finding) if finding.kind in settings.exempt_kinds

may_return(finding) if echoed(finding)

default exempt_tool := false

# Tools that are meant to be given secrets, such as a vault's.
exempt_tool if {
	input.phase == "request"
	input.target.kind == "tool"
	input.target.name in settings.exempt_tools
}

# Servers sign their opaque state and cursors, often as a JWT; the client hands them back unread, and they must not be altered.
echoed(finding) if {
	finding.kind == "jwt"
	holds_state(finding.path)
}

holds_state("/params/cursor")
holds_state("/params/requestState")
holds_state("/result/nextCursor")
holds_state("/result/requestState")
