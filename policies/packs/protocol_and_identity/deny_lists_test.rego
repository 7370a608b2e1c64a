package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

test_denies_a_tool_on_the_list[name] if {
	some name, sent in {
		"call": call_tool("get-env"),
		"list entry": item({"kind": "tool", "name": "get-env"}, "tools/call"),
		"other case": call_tool("GET-ENV"),
		"white space": call_tool(" get-env\t"),
		"prefix": call_tool("admin_drop"),
		"no name": object.union(call_tool("x"), {"target": {"kind": "tool", "name": null}}),
	}
	ids(pack.deny) == {"protocol_and_identity/denied_tool"} with input as sent
		with data.server_settings as with_methods({"deny_tools": ["Get-Env", "admin_*"]})
}

test_allows_a_tool_that_is_not_on_the_list[name] if {
	some name in ["get-environment", "get", "my_admin_drop"]
	count(pack.deny) == 0 with input as call_tool(name) with data.server_settings as with_methods({"deny_tools": ["get-env", "admin_*"]})
}

test_allows_a_prompt_with_the_name_of_a_denied_tool if {
	count(pack.deny) == 0 with input as prompt("get-env") with data.server_settings as with_methods({"deny_tools": ["get-env"]})
}

test_allows_every_tool_while_none_is_denied if {
	count(pack.deny) == 0 with input as call_tool("get-env") with data.server_settings as open_to_all
}

test_denies_a_prompt_on_the_list[name] if {
	some name, sent in {
		"get": prompt("Secret"),
		"list entry": item({"kind": "prompt", "name": "secret"}, "prompts/get"),
		"completion": complete({"type": "ref/prompt", "name": "secret"}, {"kind": "prompt", "name": "secret"}),
	}
	ids(pack.deny) == {"protocol_and_identity/denied_prompt"} with input as sent
		with data.server_settings as with_methods({"deny_prompts": ["secret"]})
}

test_allows_a_prompt_that_is_not_on_the_list if {
	count(pack.deny) == 0 with input as prompt("summary") with data.server_settings as with_methods({"deny_prompts": ["secret"]})
}

test_denies_a_resource_on_the_list[name] if {
	some name, sent in {
		"read": read("FILE:///secret/a"),
		"list entry": item({"kind": "resource", "uri": "file:///secret/a"}, "resources/read"),
		"template": item({"kind": "template", "uri": "file:///secret/{name}"}, "resources/read"),
		"subscribe": object.union(
			subscription("request", "client_to_server", "resources/subscribe", "file:///secret/a"),
			{"target": {"kind": "resource", "uri": "file:///secret/a"}},
		),
		"updated": subscription("notification", "server_to_client", "notifications/resources/updated", "file:///secret/a"),
		"completion": complete({}, {"kind": "template", "uri": "file:///secret/{name}"}),
		"listen": listen(["file:///a", "file:///secret/a"]),
	}
	ids(pack.deny) == {"protocol_and_identity/denied_resource"} with input as sent
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_allows_a_resource_that_is_not_on_the_list[uri] if {
	some uri in ["file:///secrets", "file:///a%20b", "https://x.test/a"]
	count(pack.deny) == 0 with input as read(uri) with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_denies_a_uri_that_goes_by_two_names[uri] if {
	some uri in [
		"file:///a/../secret/x", "file:///%73ecret/x", "file:///secret%2Fx",
		"file:///secret%252fx", `file:///a\x`, "file:///secre%74/x",
	]
	"protocol_and_identity/ambiguous_uri" in ids(pack.deny) with input as read(uri)
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_allows_any_spelling_while_no_resource_is_denied if {
	count(pack.deny) == 0 with input as read("file:///a/../%73") with data.server_settings as open_to_all
}

test_denies_everything_without_settings[name] if {
	some name, sent in {
		"tool": [call_tool("x"), "protocol_and_identity/denied_tool"],
		"prompt": [prompt("x"), "protocol_and_identity/denied_prompt"],
		"resource": [read("x://y"), "protocol_and_identity/denied_resource"],
		"ping": [message("request", "client_to_server", {"method": "ping"}), "protocol_and_identity/no_settings"],
	}
	[document, rule] := sent
	{rule, "protocol_and_identity/no_settings"} & ids(pack.deny) == {rule, "protocol_and_identity/no_settings"} with input as document
		with data.server_settings as {"other": open_to_all.s}
}
