# Grants for the messages that carry no target: each in the one direction and phase in which MCP sends it.
package policies.protocol_and_identity

# METADATA
# title: Requests of the protocol itself
# description: Handshake, ping, lists, log level and tasks, sent by a client that is known to the server.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/plumbing_request"} if {
	input.phase == "request"
	input.direction == "client_to_server"
	input.mcp.method in {
		"initialize",
		"logging/setLevel",
		"ping",
		"prompts/list",
		"resources/list",
		"resources/templates/list",
		"server/discover",
		"tasks/cancel",
		"tasks/get",
		"tasks/list",
		"tasks/result",
		"tasks/update",
		"tools/list",
	}
	known_principal
}

# METADATA
# title: Ping from the server
# description: The only request of a server that this pack grants; what a server may ask for is the pack server_initiated's business.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/ping
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/server_ping"} if {
	input.phase == "request"
	input.direction == "server_to_client"
	input.mcp.method == "ping"
	known_principal
}

# METADATA
# title: Notifications of the client
# description: Initialized, cancelled, progress, changed roots and the status of the client's own tasks.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/client_notification"} if {
	input.phase == "notification"
	input.direction == "client_to_server"
	input.mcp.method in {
		"notifications/cancelled",
		"notifications/initialized",
		"notifications/progress",
		"notifications/roots/list_changed",
		"notifications/tasks/status",
	}
	known_principal
}

# METADATA
# title: Notifications of the server
# description: Progress, log messages, cancelled, changed lists, acknowledged subscriptions and the status of tasks.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/server_notification"} if {
	input.phase == "notification"
	input.direction == "server_to_client"
	input.mcp.method in {
		"notifications/cancelled",
		"notifications/message",
		"notifications/progress",
		"notifications/prompts/list_changed",
		"notifications/resources/list_changed",
		"notifications/subscriptions/acknowledged",
		"notifications/tasks",
		"notifications/tasks/status",
		"notifications/tools/list_changed",
	}
	known_principal
}
