# Denials that hold whatever another policy grants. Names are compared without case, because some servers do so; a name or URI that could
# be another one in disguise is denied wherever a list restricts its kind.
# No argument of a negated helper may be undefined (OPA evaluates arguments before the negation, and the rule would be silent): hence
# helpers that read the settings, and the target's name, themselves.
package policies.protocol_and_identity

# METADATA
# title: The tool is on deny_tools
# description: The settings forbid this tool to everybody; it is neither listed nor called.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/tools
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_tool"} if {
	target := input.target
	target.kind == "tool"
	not clear_tool(target)
}

# METADATA
# title: The prompt is on deny_prompts
# description: The settings forbid this prompt to everybody; it is neither listed, got nor completed.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_prompt"} if {
	target := input.target
	target.kind == "prompt"
	not clear_prompt(target)
}

# METADATA
# title: The resource is on deny_resources
# description: The settings forbid this resource to everybody; it is neither listed, read, subscribed to nor completed.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/resources
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/denied_resource"} if {
	some [_, uri] in uris
	not clear_resource(uri)
}

# METADATA
# title: The name cannot be compared with the deny list
# description: Control and format characters, outer white space and look-alike letters let one tool or prompt go by many names.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/tools
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/ambiguous_name"} if {
	target := input.target
	has_name(target.kind)
	not names_unrestricted(target.kind)
	not plain_target(target)
}

# METADATA
# title: The URI cannot be compared with deny_resources
# description: Dot segments, invisible characters, needless percent-encoding and the like let one resource go by many names.
# related_resources:
#   - https://www.rfc-editor.org/rfc/rfc3986#section-6
# custom:
#   severity: medium
deny contains {"id": "protocol_and_identity/ambiguous_uri"} if {
	some ["named", uri] in uris
	not resources_unrestricted
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

clear_tool(target) if clear_of(settings.deny_tools, target.name)

clear_prompt(target) if clear_of(settings.deny_prompts, target.name)

clear_of(patterns, name) if {
	folded := lower(name)
	every pattern in patterns {
		not covers(lower(pattern), folded)
	}
}

covers(pattern, folded) if pattern == folded

covers(pattern, folded) if {
	endswith(pattern, "*")
	startswith(folded, trim_suffix(pattern, "*"))
}

# An exact URI also covers itself with a query or a slash behind it: many servers ignore both.
clear_resource(uri) if {
	folded := folded_uri(uri)
	bare := trim_right(without_query(folded), "/")
	every pattern in settings.deny_resources {
		denied := folded_uri(pattern)
		not covers(denied, folded)
		trim_right(denied, "/") != bare
	}
}

has_name("prompt")
has_name("tool")

plain_target(target) if plain_name(target.name)

names_unrestricted("tool") if count(settings.deny_tools) == 0

names_unrestricted("prompt") if count(settings.deny_prompts) == 0

default resources_unrestricted := false

resources_unrestricted if count(settings.deny_resources) == 0

# Every URI with how it is there: named by the message, or returned in it.
# `input.target` is also that of a subscription and of a completion.
uris contains ["named", input.target.uri] if has_uri(input.target.kind)

uris contains ["named", input.mcp.params.uri] if input.mcp.method == "notifications/resources/updated"

uris contains ["named", uri] if some uri in input.mcp.params.notifications.resourceSubscriptions

# Reading a folder may return what is in it; tools and prompts embed resources.
uris contains ["returned", content.uri] if some content in input.mcp.result.contents

uris contains ["returned", content.resource.uri] if some content in input.mcp.result.content

uris contains ["returned", message.content.resource.uri] if some message in input.mcp.result.messages
