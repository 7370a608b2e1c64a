package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

client_requests := [
	"initialize", "logging/setLevel", "ping", "prompts/list", "resources/list", "resources/templates/list",
	"server/discover", "tasks/cancel", "tasks/get", "tasks/list", "tasks/result", "tasks/update", "tools/list",
]

client_notifications := [
	"notifications/cancelled", "notifications/initialized", "notifications/progress",
	"notifications/roots/list_changed", "notifications/tasks/status",
]

server_notifications := [
	"notifications/cancelled", "notifications/message", "notifications/progress", "notifications/prompts/list_changed",
	"notifications/resources/list_changed", "notifications/subscriptions/acknowledged", "notifications/tasks",
	"notifications/tasks/status", "notifications/tools/list_changed",
]

all_methods contains method if {
	some methods in [client_requests, client_notifications, server_notifications]
	some method in methods
}

test_allows_requests_of_the_protocol[method] if {
	some method in client_requests
	ids(pack.allow) == {"protocol_and_identity/plumbing_request"} with input as message("request", "client_to_server", {"method": method})
		with data.server_settings as open_to_all
}

test_allows_ping_from_the_server if {
	ids(pack.allow) == {"protocol_and_identity/server_ping"} with input as message("request", "server_to_client", {"method": "ping"})
		with data.server_settings as open_to_all
}

test_allows_notifications_of_the_client[method] if {
	some method in client_notifications
	ids(pack.allow) == {"protocol_and_identity/client_notification"}
		with input as message("notification", "client_to_server", {"method": method})
		with data.server_settings as open_to_all
}

test_allows_notifications_of_the_server[method] if {
	some method in server_notifications
	ids(pack.allow) == {"protocol_and_identity/server_notification"}
		with input as message("notification", "server_to_client", {"method": method})
		with data.server_settings as open_to_all
}

test_denies_plumbing_in_the_wrong_direction_or_phase[name] if {
	some name, sent in {
		"server initializes": ["request", "server_to_client", "initialize"],
		"server lists tools": ["request", "server_to_client", "tools/list"],
		"server discovers": ["request", "server_to_client", "server/discover"],
		"server gets a task": ["request", "server_to_client", "tasks/get"],
		"server is initialized": ["notification", "server_to_client", "notifications/initialized"],
		"client changes tools": ["notification", "client_to_server", "notifications/tools/list_changed"],
		"client logs": ["notification", "client_to_server", "notifications/message"],
		"request as notification": ["notification", "client_to_server", "tools/list"],
		"notification as request": ["request", "client_to_server", "notifications/initialized"],
		"server notification as request": ["request", "server_to_client", "notifications/message"],
		"ping as notification": ["notification", "server_to_client", "ping"],
		"other case": ["request", "client_to_server", "Tools/List"],
		"probe": ["probe", "client_to_server", "ping"],
	}
	[phase, direction, method] := sent
	count(pack.allow) == 0 with input as message(phase, direction, {"method": method})
		with data.server_settings as open_to_all
}

test_denies_plumbing_to_a_principal_without_access[direction] if {
	some direction in ["client_to_server", "server_to_client"]
	every phase in ["request", "notification"] {
		every method in all_methods {
			count(pack.allow) == 0 with input as message(phase, direction, {"method": method})
				with data.server_settings as settings([{"principals": ["alice"], "tools": ["*"]}])
		}
	}
}

test_denies_plumbing_without_settings if {
	count(pack.allow) == 0 with input as message("request", "client_to_server", {"method": "ping"})
		with data.server_settings as {}
}
