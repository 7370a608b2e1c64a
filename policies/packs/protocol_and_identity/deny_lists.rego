# Denials that hold whatever another policy grants. Names are compared without case and outer white space, because some servers do so.
# No argument of a negated helper may be undefined (OPA evaluates arguments before the negation, and the rule would be silent): hence
# helpers that read the settings themselves.
package policies.protocol_and_identity

# METADATA
# title: The tool is on deny_tools
# description: The settings forbid this tool to everybody; it is neither listed nor called.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/tools
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_tool"} if {
	input.target.kind == "tool"
	not clear_tool
}

# METADATA
# title: The prompt is on deny_prompts
# description: The settings forbid this prompt to everybody; it is neither listed, got nor completed.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_prompt"} if {
	input.target.kind == "prompt"
	not clear_prompt
}

# METADATA
# title: The resource is on deny_resources
# description: The settings forbid this resource to everybody; it is neither listed, read, subscribed to nor completed.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/resources
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_resource"} if {
	some uri in named_uris
	not clear_resource(uri)
}

# METADATA
# title: The URI cannot be compared with deny_resources
# description: Dot segments, backslashes or needless percent-encoding let one resource go by many names.
# related_resources:
#   - https://www.rfc-editor.org/rfc/rfc3986#section-6
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/ambiguous_uri"} if {
	not resources_unrestricted
	some uri in named_uris
	not has_one_name(uri)
}

# METADATA
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "protocol_and_identity/no_settings"} if not settings

clear_tool if clear_of(settings.deny_tools, input.target.name)

clear_prompt if clear_of(settings.deny_prompts, input.target.name)

clear_resource(uri) if clear_of(settings.deny_resources, uri)

clear_of(patterns, text) if {
	folded := lower(trim_space(text))
	every pattern in patterns {
		not covers(lower(pattern), folded)
	}
}

covers(pattern, folded) if pattern == folded

covers(pattern, folded) if {
	endswith(pattern, "*")
	startswith(folded, trim_suffix(pattern, "*"))
}

resources_unrestricted if count(settings.deny_resources) == 0

# No dot segments, and no percent-encoded letter, digit, `-`, `.`, `/`, `\`, `_`, `~` or `%`.
has_one_name(uri) if {
	stays_below(uri)
	not regex.match(`%(2[5def]|3[0-9]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9ae])`, lower(uri))
}

# `input.target` is also that of a subscription and of a completion.
named_uris contains input.target.uri if input.target.kind in {"resource", "template"}

named_uris contains input.mcp.params.uri if input.mcp.method == "notifications/resources/updated"

named_uris contains uri if some uri in listened_uris
