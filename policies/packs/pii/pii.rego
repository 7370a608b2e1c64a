# Personal data: what becomes of each kind, by direction, by trust in the server, and apart in list entries. The settings are a
# table; this file only looks things up in it.

# METADATA
# title: Personal data
# description: Redacts or blocks personal data by kind, direction and trust in the server.
# related_resources:
#   - https://eur-lex.europa.eu/eli/reg/2016/679/oj
# custom:
#   severity: high
package policies.pii

# METADATA
# title: Personal data that may not pass
# description: The settings deny this kind of personal data in this direction, or say nothing that can be carried out.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/359.html
# custom:
#   severity: high
deny contains {"id": "pii/denied", "msg": $"Personal data of these kinds may not pass: {kinds}."} if {
	kinds := {finding.kind | some finding in input.findings; not handled(finding)}
	count(kinds) > 0
}

# METADATA
# title: Not all personal data could be counted
# description: The message holds more findings than are listed, and the settings restrict some kind.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/359.html
# custom:
#   severity: medium
deny contains {"id": "pii/too_many_findings"} if {
	input.findings_capped
	not unrestricted
}

# METADATA
# title: Personal data that passes redacted
# description: The settings let this kind of personal data pass only redacted.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/359.html
# custom:
#   severity: medium
redact contains {"id": "pii/redacted", "findings": numbers, "with": operator} if {
	some operator, numbers in redacted
}

# METADATA
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "pii/no_settings"} if not settings

settings := data.server_settings[input.server.name].pii

# Number sets per operator: one effect per operator costs less than one per finding.
redacted[operator] contains finding.n if {
	some finding in input.findings
	not untouched(finding)
	mode_of(finding) == "redact"
	operator := operator_for(finding.kind)
}

handled(finding) if untouched(finding)

handled(finding) if mode_of(finding) == "allow"

handled(finding) if {
	mode_of(finding) == "redact"
	operator_for(finding.kind)
}

operator_for(kind) := object.get(settings.redact_with, kind, settings.redact_with.other)

# Secrets are the pack secrets' business.
untouched(finding) if finding.category == "secret"

# The members that tie messages together are the sender's own, and cannot be altered.
untouched(finding) if finding.path in {
	"/id",
	"/params/_meta/progressToken",
	"/params/cursor",
	"/params/progressToken",
	"/params/requestId",
	"/params/requestState",
	"/result/nextCursor",
	"/result/requestState",
}

mode_of(finding) := object.get(list_modes, finding.kind, list_modes.other) if {
	described(finding)
} else := object.get(modes, finding.kind, modes.other)

modes := settings[input.direction][input.server.trust]

list_modes := settings.list_items[input.server.trust]

described(_) if input.phase == "list_item"

# The same entries, where they stand in the whole list result.
described(finding) if startswith(finding.path, list_path)

list_path := "/result/tools/" if {
	input.phase == "response"
	input.mcp.method == "tools/list"
}

list_path := "/result/prompts/" if {
	input.phase == "response"
	input.mcp.method == "prompts/list"
}

list_path := "/result/resources/" if {
	input.phase == "response"
	input.mcp.method == "resources/list"
}

list_path := "/result/resourceTemplates/" if {
	input.phase == "response"
	input.mcp.method == "resources/templates/list"
}

unrestricted if {
	every mode in modes {
		mode == "allow"
	}
	every mode in list_modes {
		mode == "allow"
	}
}
