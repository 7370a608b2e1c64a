package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

with_methods(changes) := {"s": {"protocol_and_identity": object.union(open_to_all.s.protocol_and_identity, changes)}}

sent_by_client(phase, method) := message(phase, "client_to_server", {"method": method})

test_allows_a_named_method[name] if {
	some name, sent in {
		"request": message("request", "client_to_server", {"method": "acme/search"}),
		"notification": message("notification", "client_to_server", {"method": "acme/search"}),
		"notification of the server": message("notification", "server_to_client", {"method": "acme/search"}),
	}
	ids(pack.allow) == {"protocol_and_identity/named_method"} with input as sent
		with data.server_settings as with_methods({"methods_allow": ["acme/search"]})
}

judged_elsewhere := ["tools/call", " Tools/Call", "subscriptions/listen", "notifications/resources/updated", "acme/ask"]

test_denies_a_named_method_where_the_target_or_the_server_decides[name] if {
	some name, sent in {
		"tool": message("request", "client_to_server", {"method": "tools/call"}),
		"folded tool": message("request", "client_to_server", {"method": " Tools/Call"}),
		"listen": listen("x"),
		"updated": message("notification", "server_to_client", {"method": "notifications/resources/updated"}),
		"request of the server": message("request", "server_to_client", {"method": "acme/ask"}),
		"not named": message("request", "client_to_server", {"method": "acme/other"}),
		"no method": message("request", "client_to_server", {}),
	}
	count(pack.allow) == 0 with input as sent with data.server_settings as with_methods({"methods_allow": judged_elsewhere})
}

test_denies_methods_to_a_principal_without_access[setting] if {
	some setting, value in {"methods_allow": ["acme/search"], "unknown_methods": "allow"}
	count(pack.allow) == 0 with input as sent_by_client("request", "acme/search")
		with data.server_settings as with_methods({"access": [{"principals": ["alice"], "tools": ["*"]}], setting: value})
}

test_denies_methods_outside_requests_and_notifications[phase] if {
	some phase in ["response", "list_item", "probe"]
	count(pack.allow) == 0 with input as sent_by_client(phase, "acme/search")
		with data.server_settings as with_methods({"methods_allow": ["acme/search"]})
}

test_denies_an_unknown_method_by_default[phase] if {
	some phase in ["request", "notification"]
	count(pack.allow) == 0 with input as sent_by_client(phase, "acme/search") with data.server_settings as open_to_all
}

test_allows_an_unknown_method_when_the_settings_say_so[phase] if {
	some phase in ["request", "notification"]
	ids(pack.allow) == {"protocol_and_identity/unknown_method"} with input as sent_by_client(phase, "acme/search")
		with data.server_settings as with_methods({"unknown_methods": "allow"})
}

test_denies_methods_that_would_use_a_target_unseen[method] if {
	some method in [
		"tools/call", "tools/call_many", "Tools/Call", " tools/call", "prompts/render", "resources/delete",
		"sampling/createMessage", "elicitation/create", "roots/list", "completion/complete", "subscriptions/other", "tools",
		"\ufefftools/call", "tools\u200b/call", "/tools/call", "", "tools/call\u0000", "\uff54ools/call",
	]
	count(pack.allow) == 0 with input as sent_by_client("request", method)
		with data.server_settings as with_methods({"unknown_methods": "allow"})
}

test_denies_known_notifications_in_other_letters[method] if {
	some method in [
		"Notifications/Resources/Updated", "notifications/Elicitation/Complete", "notifications/tools/run", " notifications/resources/x",
	]
	count(pack.allow) == 0 with input as message("notification", "server_to_client", {"method": method})
		with data.server_settings as with_methods({"unknown_methods": "allow", "methods_allow": ["Notifications/Resources/Updated"]})
}

test_allows_an_unknown_notification_when_the_settings_say_so if {
	ids(pack.allow) == {"protocol_and_identity/unknown_method"}
		with input as message("notification", "server_to_client", {"method": "notifications/acme/done"})
		with data.server_settings as with_methods({"unknown_methods": "allow"})
}

test_denies_an_unknown_request_of_the_server if {
	count(pack.allow) == 0 with input as message("request", "server_to_client", {"method": "acme/ask"})
		with data.server_settings as with_methods({"unknown_methods": "allow", "methods_allow": ["acme/ask"]})
}
