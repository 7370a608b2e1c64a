# Grants for the messages that use a tool, a prompt or a resource. A list entry and its use meet the same rule, so that a list
# shows exactly what may be used.
package policies.protocol_and_identity

# METADATA
# title: Use of a permitted tool
# description: The settings let this principal call the tool; the same rule lists it.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/tools
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/tool"} if {
	input.target.kind == "tool"
	uses_target(input.phase)
	may_use_tool(input.target.name)
}

# METADATA
# title: Use of a permitted prompt
# description: The settings let this principal get the prompt; the same rule lists it.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/prompt"} if {
	input.target.kind == "prompt"
	uses_target(input.phase)
	may_use_prompt(input.target.name)
}

# METADATA
# title: Use of a permitted resource
# description: The settings let this principal read the resource, or see the template; the same rule lists it.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/resources
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/resource"} if {
	has_uri(input.target.kind)
	uses_target(input.phase)
	may_use_resource(input.target.uri)
}

# METADATA
# title: Subscription to a permitted resource
# description: Subscribing, unsubscribing and news of a change need the same permission as reading the resource.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/resources
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/resource_subscription"} if {
	subscribes(input.mcp.method)
	may_use_resource(input.mcp.params.uri)
}

# METADATA
# title: Listening to permitted resources
# description: A stream of notifications may name only resources that this principal may read.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/subscriptions
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/listen"} if {
	input.mcp.method == "subscriptions/listen"
	input.phase == "request"
	input.direction == "client_to_server"
	known_principal
	every uri in listened_uris {
		may_use_resource(uri)
	}
}

# METADATA
# title: Completion for a permitted prompt or resource
# description: Completing an argument needs the same permission as using the prompt or resource that it belongs to.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/completion
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/completion"} if {
	input.mcp.method == "completion/complete"
	input.phase == "request"
	input.direction == "client_to_server"
	may_complete
}

uses_target("list_item") if input.direction == "server_to_client"

uses_target("request") if {
	input.direction == "client_to_server"
	names_target(input.mcp.method)
}

names_target("prompts/get")
names_target("resources/read")
names_target("tools/call")

has_uri("resource")
has_uri("template")

subscribes("resources/subscribe") if client_asks

subscribes("resources/unsubscribe") if client_asks

subscribes("notifications/resources/updated") if {
	input.phase == "notification"
	input.direction == "server_to_client"
}

client_asks if {
	input.phase == "request"
	input.direction == "client_to_server"
}

default listened_uris := []

listened_uris := input.mcp.params.notifications.resourceSubscriptions

may_complete if {
	input.mcp.params.ref.type == "ref/prompt"
	may_use_prompt(input.mcp.params.ref.name)
}

may_complete if {
	input.mcp.params.ref.type == "ref/resource"
	may_use_resource(input.mcp.params.ref.uri)
}
