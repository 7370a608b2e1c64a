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
deny contains {"id": "pii/denied", "msg": $"Personal data of these kinds may not pass: {sort(kinds)}."} if {
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
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "pii/no_settings"} if not settings

# METADATA
# title: Personal data that passes redacted
# description: The settings let this kind of personal data pass only redacted.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/359.html
# custom:
#   severity: medium
redact contains {"id": "pii/redacted", "findings": found, "with": operator} if {
	some operator, found in redacted
}

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

untouched(finding) if finding.path in tying_members

untouched(finding) if finding.score < object.get(settings.min_score, finding.kind, settings.min_score.other)

# The members that tie messages together are the sender's own, and cannot be altered.
tying_members := {
	"/id",
	"/params/_meta/progressToken",
	"/params/cursor",
	"/params/progressToken",
	"/params/requestId",
	"/params/requestState",
	"/result/nextCursor",
	"/result/requestState",
}

mode_of(finding) := object.get(entry_modes, finding.kind, entry_modes.other) if {
	described(finding)
} else := object.get(modes, finding.kind, modes.other)

modes := settings[input.direction][input.server.trust]

entry_modes := settings.list_items[input.server.trust]

described(_) if input.phase == "list_item"

# The same entries, where they stand in the whole list result.
described(finding) if startswith(finding.path, entries_path)

entries_path := {
	"prompts/list": "/result/prompts/",
	"resources/list": "/result/resources/",
	"resources/templates/list": "/result/resourceTemplates/",
	"tools/list": "/result/tools/",
}[input.mcp.method]

unrestricted if {
	every mode in modes {
		mode == "allow"
	}
	every mode in entry_modes {
		mode == "allow"
	}
}
