package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

only(list, patterns) := settings([{"principals": ["*"], list: patterns}])

item(target, method) := object.union(
	message("list_item", "server_to_client", {"kind": "item", "method": method, "item": {}}),
	{"target": target},
)

prompt(name) := object.union(
	message("request", "client_to_server", {"method": "prompts/get", "params": {"name": name}}),
	{"target": {"kind": "prompt", "name": name}},
)

complete(ref, target) := object.union(
	message("request", "client_to_server", {"method": "completion/complete", "params": {"ref": ref}}),
	{"target": target},
)

listen(uris) := message("request", "client_to_server", {
	"method": "subscriptions/listen",
	"params": {"notifications": {"toolsListChanged": true, "resourceSubscriptions": uris}},
})

subscription(phase, direction, method, uri) := message(phase, direction, {"method": method, "params": {"uri": uri}})

test_allows_a_tool_to_be_called_and_listed[name] if {
	some name, sent in {
		"call": call_tool("echo"),
		"list entry": item({"kind": "tool", "name": "echo"}, "tools/call"),
	}
	ids(pack.allow) == {"protocol_and_identity/tool"} with input as sent with data.server_settings as only("tools", ["echo"])
}

test_denies_a_tool_that_is_not_permitted[name] if {
	some name, sent in {
		"call": call_tool("get-env"),
		"list entry": item({"kind": "tool", "name": "get-env"}, "tools/call"),
		"other case": call_tool("Echo"),
		"prompt of that name": prompt("echo"),
		"no name": message("request", "client_to_server", {"method": "tools/call", "params": {}}),
		"sent by the server": object.union(call_tool("echo"), {"direction": "server_to_client"}),
		"as notification": object.union(call_tool("echo"), {"phase": "notification"}),
		"list entry from the client": object.union(item({"kind": "tool", "name": "echo"}, "tools/call"), {"direction": "client_to_server"}),
		"method that is not a call": object.union(call_tool("echo"), {"mcp": {"method": "tools/run"}}),
	}
	count(pack.allow) == 0 with input as sent with data.server_settings as only("tools", ["echo"])
}

test_allows_a_prompt_to_be_got_and_listed[name] if {
	some name, sent in {
		"get": prompt("summary"),
		"list entry": item({"kind": "prompt", "name": "summary"}, "prompts/get"),
	}
	ids(pack.allow) == {"protocol_and_identity/prompt"} with input as sent with data.server_settings as only("prompts", ["summary"])
}

test_denies_a_prompt_that_is_not_permitted[name] if {
	some name, sent in {
		"other": prompt("other"),
		"tool of that name": call_tool("summary"),
		"sent by the server": object.union(prompt("summary"), {"direction": "server_to_client"}),
	}
	count(pack.allow) == 0 with input as sent with data.server_settings as only("prompts", ["summary"])
}

test_allows_a_resource_to_be_read_and_listed[name] if {
	some name, sent in {
		"read": read("notes://a/1"),
		"list entry": item({"kind": "resource", "uri": "notes://a/1"}, "resources/read"),
		"template": item({"kind": "template", "uri": "notes://a/{id}"}, "resources/read"),
	}
	ids(pack.allow) == {"protocol_and_identity/resource"} with input as sent with data.server_settings as only("resources", ["notes://a/*"])
}

test_denies_a_resource_that_is_not_permitted[name] if {
	some name, sent in {
		"read": read("notes://b/1"),
		"template": item({"kind": "template", "uri": "notes://{+path}"}, "resources/read"),
		"sent by the server": object.union(read("notes://a/1"), {"direction": "server_to_client"}),
		"tool with a URI": object.union(read("notes://a/1"), {"target": {"kind": "tool"}}),
	}
	count(pack.allow) == 0 with input as sent with data.server_settings as only("resources", ["notes://a/*"])
}

test_allows_subscriptions_to_a_permitted_resource[method] if {
	some method, sent in {
		"resources/subscribe": ["request", "client_to_server"],
		"resources/unsubscribe": ["request", "client_to_server"],
		"notifications/resources/updated": ["notification", "server_to_client"],
	}
	[phase, direction] := sent
	ids(pack.allow) == {"protocol_and_identity/resource_subscription"} with input as subscription(phase, direction, method, "notes://a/1")
		with data.server_settings as only("resources", ["notes://a/*"])
}

test_denies_subscriptions_to_other_resources[method] if {
	some method, sent in {
		"resources/subscribe": ["request", "client_to_server"],
		"resources/unsubscribe": ["request", "client_to_server"],
		"notifications/resources/updated": ["notification", "server_to_client"],
	}
	[phase, direction] := sent
	count(pack.allow) == 0 with input as subscription(phase, direction, method, "notes://b/1")
		with data.server_settings as only("resources", ["notes://a/*"])
}

test_denies_subscriptions_in_the_wrong_direction_or_phase[name] if {
	some name, [phase, direction, method] in {
		"server subscribes": ["request", "server_to_client", "resources/subscribe"],
		"subscribe as notification": ["notification", "client_to_server", "resources/subscribe"],
		"client updates": ["notification", "client_to_server", "notifications/resources/updated"],
		"updated as request": ["request", "server_to_client", "notifications/resources/updated"],
		"other notification": ["notification", "server_to_client", "notifications/resources/deleted"],
	}
	count(pack.allow) == 0 with input as subscription(phase, direction, method, "notes://a/1")
		with data.server_settings as only("resources", ["notes://a/*"])
}

test_denies_listening_to_a_principal_without_access if {
	count(pack.allow) == 0 with input as listen([]) with data.server_settings as settings([{"principals": ["alice"], "resources": ["*"]}])
}

test_allows_listening_to_permitted_resources[name] if {
	some name, sent in {
		"two": listen(["notes://a/1", "notes://a/2"]),
		"none": listen([]),
		"not asked for": message("request", "client_to_server", {"method": "subscriptions/listen", "params": {}}),
	}
	ids(pack.allow) == {"protocol_and_identity/listen"} with input as sent with data.server_settings as only("resources", ["notes://a/*"])
}

test_denies_listening_to_one_other_resource[name] if {
	some name, sent in {
		"second": listen(["notes://a/1", "notes://b/1"]),
		"not a list": listen("notes://a/1"),
		"not a string": listen([1]),
		"from the server": object.union(listen([]), {"direction": "server_to_client"}),
		"as notification": object.union(listen([]), {"phase": "notification"}),
	}
	count(pack.allow) == 0 with input as sent with data.server_settings as only("resources", ["notes://a/*"])
}

test_allows_completion_for_what_may_be_used[name] if {
	some name, [ref, target] in {
		"prompt": [{"type": "ref/prompt", "name": "summary"}, {"kind": "prompt", "name": "summary"}],
		"resource": [{"type": "ref/resource", "uri": "notes://a/1"}, {"kind": "resource", "uri": "notes://a/1"}],
		"template": [{"type": "ref/resource", "uri": "notes://a/{id}"}, {"kind": "template", "uri": "notes://a/{id}"}],
	}
	ids(pack.allow) == {"protocol_and_identity/completion"} with input as complete(ref, target)
		with data.server_settings as settings([{"principals": ["*"], "prompts": ["summary"], "resources": ["notes://a/*"]}])
}

test_denies_completion_for_what_may_not_be_used[name] if {
	some name, ref in {
		"prompt": {"type": "ref/prompt", "name": "other"},
		"template": {"type": "ref/resource", "uri": "notes://b/{id}"},
		"unknown": {"type": "ref/tool", "name": "summary", "uri": "notes://a/1"},
		"none": {},
	}
	count(pack.allow) == 0 with input as complete(ref, {})
		with data.server_settings as settings([{"principals": ["*"], "prompts": ["summary"], "resources": ["notes://a/*"]}])
}

test_denies_completion_in_the_wrong_direction_or_phase[name] if {
	some name, change in {
		"from the server": {"direction": "server_to_client"},
		"as notification": {"phase": "notification"},
		"other method": {"mcp": {"method": "completion/other"}},
	}
	count(pack.allow) == 0 with input as object.union(complete({"type": "ref/prompt", "name": "summary"}, {}), change)
		with data.server_settings as only("prompts", ["summary"])
}
