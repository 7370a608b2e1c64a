# Categories of data: what may go to a server of which trust, in anything that a client sends.
# Most messages hold no finding at all: hence what the rules ask first.
package policies.egress

# METADATA
# title: Data that may not go to this server
# description: The settings keep this category of data from servers of this trust.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/201.html
# custom:
#   severity: high
deny contains {"id": "egress/category", "msg": $"Data of these categories may not go to this server: {sort(categories)}."} if {
	input.direction == "client_to_server"
	input.findings != []
	categories := {finding.category | some finding in input.findings; not may_go(finding)}
	count(categories) > 0
}

# METADATA
# title: Not all data could be judged
# description: The message holds more findings than are listed, and the settings restrict a category.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/201.html
# custom:
#   severity: medium
deny contains {"id": "egress/too_many_findings"} if {
	input.findings_capped
	input.direction == "client_to_server"
	not any_category
}

# METADATA
# title: Data that goes to this server redacted
# description: The settings let this category of data go to servers of this trust only redacted.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/201.html
# custom:
#   severity: medium
redact contains {"id": "egress/category_redacted", "findings": found, "with": "replace"} if {
	input.direction == "client_to_server"
	input.findings != []
	found := {finding.n |
		some finding in input.findings
		not echoed(finding)
		category_modes[finding.category] == "redact"
	}
	count(found) > 0
}

category_modes := settings.categories[input.server.trust]

may_go(finding) if {
	lets_go(category_modes[finding.category])
} else if echoed(finding)

lets_go("allow")
lets_go("redact")

# Servers sign their opaque state and cursors, often as a JWT; the client hands them back unread, and they must not be altered.
echoed(finding) if {
	finding.kind == "jwt"
	holds_state(finding.path)
}

holds_state("/params/cursor")
holds_state("/params/requestState")

any_category if {
	every mode in category_modes {
		mode == "allow"
	}
}
