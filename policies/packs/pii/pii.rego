# Personal data: what becomes of each kind, by direction, by trust in the server, and apart in list entries. The settings are a
# table; this file only looks things up in it. Most messages hold no finding at all: hence what the rules ask first.

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
	input.findings != []
	kinds := {kind | some kind, _ in in_text; not handled_in_text(kind)} | {kind | some kind, _ in in_entries; not handled_in_entry(kind)}
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
	input.findings != []
	some operator, found in redacted
}

settings := data.server_settings[input.server.name].pii

# Number sets per operator: one effect per operator costs less than one per finding.
redacted[operator] contains n if {
	some kind, found in in_text
	mode_of(kind, modes) == "redact"
	operator := operator_for(kind)
	some n in found
}

redacted[operator] contains n if {
	some kind, found in in_entries
	mode_of(kind, entry_modes) == "redact"
	operator := operator_for(kind)
	some n in found
}

# Numbers by kind: a message may hold hundreds of findings of a few kinds, and what depends on the kind alone is looked up once a kind.
in_text[finding.kind] contains finding.n if {
	some finding in input.findings
	not untouched(finding)
	not described(finding)
}

in_entries[finding.kind] contains finding.n if {
	some finding in input.findings
	described(finding)
	not untouched(finding)
}

# Apart from each other: a `not` must count as well where a table is missing.
handled_in_text(kind) if handled(kind, modes)

handled_in_entry(kind) if handled(kind, entry_modes)

handled(kind, table) if mode_of(kind, table) == "allow"

handled(kind, table) if {
	mode_of(kind, table) == "redact"
	operator_for(kind)
}

mode_of(kind, table) := object.get(table, kind, table.other)

operator_for(kind) := object.get(settings.redact_with, kind, settings.redact_with.other)

# Secrets are the pack secrets' business.
untouched(finding) if {
	finding.category == "secret"
} else if {
	ties_messages(finding.path)
} else if finding.score < least_scores[finding.kind]

least_scores[kind] := object.get(settings.min_score, kind, settings.min_score.other) if {
	some kind in {finding.kind | some finding in input.findings}
}

# The members that tie messages together are the sender's own, and cannot be altered.
ties_messages("/id")
ties_messages("/params/_meta/progressToken")
ties_messages("/params/cursor")
ties_messages("/params/progressToken")
ties_messages("/params/requestId")
ties_messages("/params/requestState")
ties_messages("/result/nextCursor")
ties_messages("/result/requestState")

modes := settings[input.direction][input.server.trust]

entry_modes := settings.list_items[input.server.trust]

described(_) if input.phase == "list_item"

# The same entries, where they stand in the whole list result.
described(finding) if startswith(finding.path, entries_path)

default entries_path := "in no message"

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
