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
	plumbing_request(input.mcp.method)
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
	client_notification(input.mcp.method)
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
	server_notification(input.mcp.method)
	known_principal
}

# A clause for each method: a set would be made anew, and each of its members hashed, for every message.
plumbing_request("initialize")
plumbing_request("logging/setLevel")
plumbing_request("ping")
plumbing_request("prompts/list")
plumbing_request("resources/list")
plumbing_request("resources/templates/list")
plumbing_request("server/discover")
plumbing_request("tasks/cancel")
plumbing_request("tasks/get")
plumbing_request("tasks/list")
plumbing_request("tasks/result")
plumbing_request("tasks/update")
plumbing_request("tools/list")

client_notification("notifications/cancelled")
client_notification("notifications/initialized")
client_notification("notifications/progress")
client_notification("notifications/roots/list_changed")
client_notification("notifications/tasks/status")

server_notification("notifications/cancelled")
server_notification("notifications/message")
server_notification("notifications/progress")
server_notification("notifications/prompts/list_changed")
server_notification("notifications/resources/list_changed")
server_notification("notifications/subscriptions/acknowledged")
server_notification("notifications/tasks")
server_notification("notifications/tasks/status")
server_notification("notifications/tools/list_changed")
