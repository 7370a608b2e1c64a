package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

anonymous := {"id": "anonymous", "method": "anonymous", "scopes": [], "groups": [], "claims": {}}

alice := {"id": "alice", "method": "api_key", "scopes": ["read", "write"], "groups": ["support"], "claims": {}}

settings(access) := {"s": {"protocol_and_identity": {
	"access": access,
	"deny_tools": [],
	"deny_prompts": [],
	"deny_resources": [],
	"methods_allow": [],
	"unknown_methods": "deny",
	"omitted_text": {"client_to_server": "deny", "server_to_client": "allow"},
}}}

open_to_all := settings([{"principals": ["*"], "tools": ["*"], "prompts": ["*"], "resources": ["*"]}])

message(phase, direction, mcp) := {
	"phase": phase,
	"direction": direction,
	"server": {"name": "s", "trust": "third_party"},
	"principal": anonymous,
	"mcp": mcp,
}

call_tool(name) := object.union(
	message("request", "client_to_server", {"kind": "request", "method": "tools/call", "params": {"name": name}}),
	{"target": {"kind": "tool", "name": name}},
)

read(uri) := object.union(
	message("request", "client_to_server", {"kind": "request", "method": "resources/read", "params": {"uri": uri}}),
	{"target": {"kind": "resource", "uri": uri}},
)

ids(set) := {element.id | some element in set}

test_allows_a_principal_that_every_condition_fits[name] if {
	some name, entry in {
		"everybody": {"principals": ["*"], "tools": ["echo"]},
		"by id": {"principals": ["bob", "alice"], "tools": ["echo"]},
		"by group": {"groups": ["sales", "support"], "tools": ["echo"]},
		"by scopes": {"scopes": ["read", "write"], "tools": ["echo"]},
		"by all three": {"principals": ["alice"], "groups": ["support"], "scopes": ["read"], "tools": ["echo"]},
	}
	ids(pack.allow) == {"protocol_and_identity/tool"} with input as object.union(call_tool("echo"), {"principal": alice})
		with data.server_settings as settings([entry])
}

test_denies_a_principal_that_one_condition_does_not_fit[name] if {
	some name, entry in {
		"no condition": {"tools": ["echo"]},
		"empty scopes": {"scopes": [], "tools": ["echo"]},
		"empty principals": {"principals": [], "tools": ["echo"]},
		"empty groups": {"groups": [], "tools": ["echo"]},
		"other id": {"principals": ["Alice", "alic"], "tools": ["echo"]},
		"other group": {"groups": ["admin"], "tools": ["echo"]},
		"one scope short": {"scopes": ["read", "admin"], "tools": ["echo"]},
		"id but not group": {"principals": ["alice"], "groups": ["admin"], "tools": ["echo"]},
		"group but not scope": {"groups": ["support"], "scopes": ["admin"], "tools": ["echo"]},
		"no tools": {"principals": ["alice"]},
	}
	count(pack.allow) == 0 with input as object.union(call_tool("echo"), {"principal": alice})
		with data.server_settings as settings([entry])
}

test_denies_prompts_and_resources_of_another_principal[kind] if {
	some kind, sent in {"prompt": prompt("summary"), "resource": read("notes://a/1")}
	count(pack.allow) == 0 with input as sent
		with data.server_settings as settings([{"principals": ["alice"], "prompts": ["*"], "resources": ["*"]}])
}

test_allows_any_spelling_where_everything_is_permitted if {
	count(pack.allow) == 1 with input as read("file:///a/../%2e") with data.server_settings as open_to_all
}

test_allows_what_entries_add_up_to if {
	entries := [{"groups": ["support"], "tools": ["echo"]}, {"principals": ["alice"], "tools": ["add"]}]
	every tool in ["echo", "add"] {
		count(pack.allow) == 1 with input as object.union(call_tool(tool), {"principal": alice})
			with data.server_settings as settings(entries)
	}
}

test_allows_a_name_that_a_pattern_covers[pattern] if {
	some pattern in ["*", "get_*", "get_issue", "get_issue*"]
	count(pack.allow) == 1 with input as call_tool("get_issue")
		with data.server_settings as settings([{"principals": ["*"], "tools": [pattern]}])
}

test_denies_a_name_that_no_pattern_covers[pattern] if {
	some pattern in ["get", "GET_*", "get_issues*", "*_issue", "get_*e"]
	count(pack.allow) == 0 with input as call_tool("get_issue")
		with data.server_settings as settings([{"principals": ["*"], "tools": [pattern]}])
}

test_allows_a_uri_below_a_prefix[uri] if {
	some uri in ["file:///project/a.txt", "file:///project/b/c%20d.txt"]
	count(pack.allow) == 1 with input as read(uri)
		with data.server_settings as settings([{"principals": ["*"], "resources": ["file:///project/*"]}])
}

test_denies_a_uri_that_leads_out_of_a_prefix[uri] if {
	some uri in [
		"file:///project/../etc/passwd",
		"file:///project/%2e%2e/etc/passwd",
		"file:///project/%2E./etc/passwd",
		"file:///project/..%2fetc/passwd",
		"file:///project/%252e%252e/etc/passwd",
		`file:///project/\etc`,
		"file:///project%5c..",
		"file:///projects/a.txt",
		"FILE:///project/a.txt",
		"file:///project/./a.txt",
		"file:///project/.\t./etc",
		"file:///project/a\u0000",
		"file:///project/a#b",
		"file:///project//etc/passwd",
		"file:///project/\u200b",
	]
	count(pack.allow) == 0 with input as read(uri)
		with data.server_settings as settings([{"principals": ["*"], "resources": ["file:///project/*"]}])
}

test_denies_a_disguised_name_below_a_prefix[i] if {
	access := settings([{"principals": ["*"], "tools": ["get_*"], "prompts": ["get_*"]}])
	some i, name in ["get_issue\u200b", "get_\tissue", "get_issue\u0000", "get_issue ", "get_../x", "get_%2e", "\ufeffget_issue"]
	count(pack.allow) == 0 with input as call_tool(name) with data.server_settings as access
	count(pack.allow) == 0 with input as prompt(name) with data.server_settings as access
	count(pack.allow) == 0 with input as item({"kind": "tool", "name": name}, "tools/call") with data.server_settings as access
}

test_allows_any_name_where_everything_is_permitted_or_it_is_named[pattern] if {
	some pattern in ["*", "\u53d6\u5f97 (1)"]
	count(pack.allow) == 1 with input as call_tool("\u53d6\u5f97 (1)")
		with data.server_settings as settings([{"principals": ["*"], "tools": [pattern]}])
	count(pack.allow) == 1 with input as read("\u53d6\u5f97 (1)")
		with data.server_settings as settings([{"principals": ["*"], "resources": [pattern]}])
}
