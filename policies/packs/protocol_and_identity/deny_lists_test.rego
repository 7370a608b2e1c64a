package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

test_denies_a_tool_on_the_list[name] if {
	some name, sent in {
		"call": call_tool("get-env"),
		"list entry": item({"kind": "tool", "name": "get-env"}, "tools/call"),
		"other case": call_tool("GET-ENV"),
		"prefix": call_tool("admin_drop"),
	}
	ids(pack.deny) == {"protocol_and_identity/denied_tool"} with input as sent
		with data.server_settings as with_methods({"deny_tools": ["Get-Env", "admin_*"]})
}

test_allows_a_tool_that_is_not_on_the_list[name] if {
	some name in ["get-environment", "get", "my_admin_drop"]
	count(pack.deny) == 0 with input as call_tool(name) with data.server_settings as with_methods({"deny_tools": ["get-env", "admin_*"]})
}

# Each could be `get-env` to a server that trims, normalises or cuts off.
disguises := [
	" get-env", "get-env ", "get-env\t", "get-env\n", "get\nenv", "get-env\u0000", "get-env\u007f", "\ufeffget-env", "get-env\u200b",
	"get\u00adenv", "get\u2060-env", "\u202eget-env", "get-env\u00a0", "\uff47et-env", "get\u2010env", "g\u0435t-env", "get-env\u0301",
	"get-env;", "get-env%00", `get-env\x`, "", concat("", [a | some _ in numbers.range(1, 257); a := "a"]), null, 1,
]

test_denies_a_name_that_could_be_a_denied_one[i] if {
	some i, name in disguises
	every kind in ["prompt", "tool"] {
		sent := object.union(call_tool("x"), {"target": {"kind": kind, "name": name}})
		"protocol_and_identity/ambiguous_name" in ids(pack.deny) with input as sent
			with data.server_settings as with_methods({"deny_tools": ["get-env"], "deny_prompts": ["get-env"]})
		listed := item({"kind": kind, "name": name}, "x")
		"protocol_and_identity/ambiguous_name" in ids(pack.deny) with input as listed
			with data.server_settings as with_methods({"deny_tools": ["get-env"], "deny_prompts": ["get-env"]})
	}
}

test_denies_a_use_without_a_name_where_names_are_restricted if {
	ids(pack.deny) == {"protocol_and_identity/ambiguous_name", "protocol_and_identity/denied_tool"}
		with input as object.union(message("request", "client_to_server", {"method": "tools/call"}), {"target": {"kind": "tool"}})
		with data.server_settings as with_methods({"deny_tools": ["get-env"]})
}

test_allows_a_plain_name_where_others_are_denied[name] if {
	some name in ["a", "get env", "acme.io/search_v2:latest", "user@host", "A-Z"]
	count(pack.deny) == 0 with input as call_tool(name) with data.server_settings as with_methods({"deny_tools": ["get-env"]})
}

test_allows_any_name_while_none_of_its_kind_is_denied[i] if {
	some i, name in array.slice(disguises, 0, count(disguises) - 2)
	count(pack.deny) == 0 with input as call_tool(name)
		with data.server_settings as with_methods({"deny_prompts": ["get-env"], "deny_resources": ["x:y"]})
	count(pack.deny) == 0 with input as prompt(name)
		with data.server_settings as with_methods({"deny_tools": ["get-env"], "deny_resources": ["x:y"]})
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

test_denies_a_resource_with_a_query_a_slash_or_needless_encoding[uri] if {
	some uri in [
		"notes://secret(1)", "notes://secret%281%29", "NOTES://Secret(1)", "notes://secret(1)/", "notes://secret(1)?", "notes://secret(1)?a=b",
		"notes://secret(1)/?a=b", "db://t?limit=5", "db://x%3Ay", "https://x.test", "https://x.test/",
	]
	ids(pack.deny) == {"protocol_and_identity/denied_resource"} with input as read(uri)
		with data.server_settings as with_methods({"deny_resources": ["notes://secret(1)", "db://t?limit=5", "db://x:y", "https://x.test/"]})
}

returns(result) := message("response", "server_to_client", {"kind": "result", "method": "resources/read", "result": result})

test_denies_a_result_that_holds_a_denied_resource[name] if {
	some name, result in {
		"read from a folder": {"contents": [{"uri": "file:///a", "text": "x"}, {"uri": "file:///Secret/a", "text": "x"}]},
		"embedded by a tool": {"content": [{"type": "text"}, {"type": "resource", "resource": {"uri": "file:///secret/a"}}]},
		"embedded by a prompt": {"messages": [{"content": {"type": "resource", "resource": {"uri": "file:///secret/a"}}}]},
	}
	ids(pack.deny) == {"protocol_and_identity/denied_resource"} with input as returns(result)
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_denies_a_uri_that_is_no_text_though_nothing_is_restricted[name] if {
	some name, sent in {
		"named": read(1),
		"listened to": message("request", "client_to_server", {"params": {"notifications": {"resourceSubscriptions": ["file:///a", null]}}}),
		"changed": message("notification", "server_to_client", {"method": "notifications/resources/updated", "params": {"uri": false}}),
		"returned": returns({"contents": [{"uri": "file:///a"}, {"uri": {}}]}),
		"embedded": returns({"content": [{"resource": {"uri": []}}]}),
	}
	ids(pack.deny) == {"protocol_and_identity/denied_resource"} with input as sent with data.server_settings as with_methods({})
}

# Only what the message itself names must be written in one way: also where the same is returned.
test_denies_an_odd_spelling_only_of_what_is_named[name] if {
	some name, [sent, expected] in {
		"returned": [returns({"contents": [{"uri": "file:///a//b"}]}), set()],
		"both": [
			object.union(returns({"contents": [{"uri": "file:///a//b"}]}), {"target": {"kind": "resource", "uri": "file:///a//b"}}),
			{"protocol_and_identity/ambiguous_uri"},
		],
	}
	ids(pack.deny) == expected with input as sent with data.server_settings as with_methods({"deny_resources": ["notes://x"]})
}

test_allows_a_result_without_denied_resources[name] if {
	some name, result in {
		"other": {"contents": [{"uri": "file:///a b", "text": "x"}], "content": [{"type": "text", "text": "file:///secret/a"}]},
		"link": {"content": [{"type": "resource_link", "uri": "file:///secret/a"}]},
		"nothing": {},
	}
	count(pack.deny) == 0 with input as returns(result) with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_allows_a_resource_that_is_not_on_the_list[uri] if {
	some uri in [
		"file:///secrets", "file:///a%20b", "https://x.test/a", "https://x.test", "https://x.test:8443/a?b=c/d//e", "http://10.0.0.1/x",
		"file:///", "file:///%E2%82%ac/a.txt", "notes://a/1", "notes:a", "notes:///a", "urn:isbn:1", "mail://user@host/x", "db://t?f[a]=1",
		"ui://app/main.html", "http://xn--bcher-kva.example/", "git+ssh://host/a", "a:b%28", "x://a/.b/c.",
	]
	count(pack.deny) == 0 with input as read(uri) with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_allows_a_template_with_expressions[uri] if {
	some uri in ["file:///{path}", "file://{+path}", "notes://a{/id}{?q,r*}{#part}", "{scheme}://x"]
	count(pack.deny) == 0 with input as item({"kind": "template", "uri": uri}, "resources/read")
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_denies_a_template_that_goes_by_two_names[uri] if {
	some uri in ["file:///a/./{x}", "file:///a/../{x}", "file:///%61{x}", "file:///a\t{x}", `file:///a\{x}`, "file:///{x}/."]
	ids(pack.deny) == {"protocol_and_identity/ambiguous_uri"}
		with input as item({"kind": "template", "uri": uri}, "resources/read")
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_denies_a_uri_that_goes_by_two_names[uri] if {
	some uri in [
		# dot and empty segments
		"file:///a/../x", "file:///a/..", "file:///a/./x", "file:///./x", "file:///a/.", "file:///a/.?x", "file:///a/.;/x",
		"file:///a//x", "file:////x",
		# what is dropped, cut or normalised
		"fi\tle:///x", "file:///x\ny", "file:///x\u0000", "\u0001file:///x", " file:///x", "file:///x ", "file:///x%20", "file:///x%20?y",
		"file:///x#", "file:///x#y", "\ufefffile:///x", "file:///x\u200b", "file:///\u202ex", "file:///\uff58",
		"file:///\u00e4", "file:///x\u007f",
		# needless, broken or doubled encoding
		"file:///%73x", "file:///secret%2Fx", "file:///secret%252fx", "file:///%2e/x", "file:///%2E%2e/x", "file:///a%5Cx", "file:///a%5cx",
		"file:///x%00", "file:///x%0a", "file:///x%7F", "file:///x%23", "file:///x%3Fy", "file:///%c0%ae/x", "file:///x%f8", "file:///%",
		"file:///%2", "file:///%zz", "file:///%4z", "file:///%u002e",
		# what must be encoded
		`file:///a\x`, "file:///a|x", "file:///{x}", "file:///a^x", "file:///a<x", "file:///[x]", "notes://[::1]/x",
		# other forms of the scheme and the authority
		"file:/x", "file:x", "file://localhost/x", "file://LOCALHOST/x", "file://host/x", "/x", "x", "//x", "", ":x", "notes:/x", "x%:y", "a b:c",
		"https:/x.test", "https:x.test", "https:///x.test", "https://u@x.test/", "https://u:p@x.test", "https://x.test:443/", "http://x.test:80",
		"ftp://x.test:21?a", "https://x.test:/a", "https://x.test:0443/", "https://x.test./a", "https://x..test/", "http://167772161/",
		"http://0x7f.1/", "http://1.2.3.04/", "http://1.2.3/", "http://[::1]/", "http://10.0.0.1:80/",
		concat("", ["file:///", concat("", [a | some _ in numbers.range(1, 4096); a := "a"])]),
		1,
	]
	"protocol_and_identity/ambiguous_uri" in ids(pack.deny) with input as read(uri)
		with data.server_settings as with_methods({"deny_resources": ["file:///secret/*"]})
}

test_allows_any_spelling_while_no_resource_is_denied if {
	every uri in ["file:///a/../%73", "/etc/./passwd#", "my notes\u200b", "file:/x"] {
		count(pack.deny) == 0 with input as read(uri) with data.server_settings as with_methods({"deny_tools": ["x"], "deny_prompts": ["x"]})
	}
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
