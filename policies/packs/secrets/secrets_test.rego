package policies.secrets_test

import data.policies.secrets as pack

settings(changes) := {"s": {"secrets": object.union({"exempt_kinds": [], "exempt_tools": [], "redact_with": "replace"}, changes)}}

message(phase, direction, findings) := {
	"phase": phase,
	"direction": direction,
	"server": {"name": "s", "trust": "internal"},
	"mcp": {"method": "tools/call"},
	"target": {"kind": "tool", "name": "vault_write"},
	"findings": findings,
}

finding(n, kind, path) := {"n": n, "kind": kind, "category": "secret", "path": path, "on": "value"}

email := {"n": 9, "kind": "email", "category": "pii", "path": "/params/arguments/to", "on": "value"}

key := finding(0, "aws_access_key", "/params/arguments/text")

token := finding(1, "jwt", "/params/arguments/token")

ids(set) := {element.id | some element in set}

test_denies_a_secret_that_leaves[phase] if {
	some phase in ["request", "notification", "response"]
	ids(pack.deny) == {"secrets/leaving"} with input as message(phase, "client_to_server", [email, key])
		with data.server_settings as settings({})
	count(pack.redact) == 0 with input as message(phase, "client_to_server", [email, key]) with data.server_settings as settings({})
}

test_denies_with_the_kinds_and_nothing_else if {
	pack.deny == {{"id": "secrets/leaving", "msg": `Secrets of these kinds would leave: ["aws_access_key", "jwt"].`}} with input as message(
		"request", "client_to_server",
		[key, token],
	)
		with data.server_settings as settings({})
}

test_allows_what_holds_no_secret[direction] if {
	some direction in ["client_to_server", "server_to_client"]
	count(pack.deny | pack.redact) == 0 with input as message("request", direction, [email]) with data.server_settings as settings({})
}

test_denies_no_result_but_redacts_it[phase] if {
	some phase in ["response", "notification", "request", "list_item"]
	sent := message(phase, "server_to_client", [key, email, token])
	pack.redact == {{"id": "secrets/returned", "findings": {0, 1}, "with": "replace"}} with input as sent
		with data.server_settings as settings({})
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
}

test_allows_the_operator_to_choose_how_to_redact[operator] if {
	some operator in ["mask", "drop"]
	pack.redact == {{"id": "secrets/returned", "findings": {0}, "with": operator}}
		with input as message("response", "server_to_client", [key])
		with data.server_settings as settings({"redact_with": operator})
}

test_allows_exempt_kinds_in_both_directions[direction] if {
	some direction in ["client_to_server", "server_to_client"]
	count(pack.deny | pack.redact) == 0 with input as message("request", direction, [token])
		with data.server_settings as settings({"exempt_kinds": ["jwt"]})
}

test_denies_other_kinds_beside_exempt_ones if {
	ids(pack.deny) == {"secrets/leaving"} with input as message("request", "client_to_server", [key, token])
		with data.server_settings as settings({"exempt_kinds": ["jwt"]})
}

test_allows_an_exempt_tool_to_be_given_secrets if {
	sent := object.union(message("request", "client_to_server", [key]), {"findings_capped": true})
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({"exempt_tools": ["vault_write"]})
}

test_denies_what_is_not_a_call_of_an_exempt_tool[name] if {
	some name, change in {
		"other tool": {"target": {"kind": "tool", "name": "vault_write2"}},
		"prompt of that name": {"target": {"kind": "prompt", "name": "vault_write"}},
		"answer": {"phase": "response"},
	}
	ids(pack.deny) == {"secrets/leaving"} with input as object.union(message("request", "client_to_server", [key]), change)
		with data.server_settings as settings({"exempt_tools": ["vault_write"]})
}

test_denies_nothing_an_exempt_tool_returns_but_redacts_it if {
	ids(pack.redact) == {"secrets/returned"} with input as message("response", "server_to_client", [key])
		with data.server_settings as settings({"exempt_tools": ["vault_write"]})
}

test_allows_signed_state_to_be_echoed[path] if {
	some path in ["/params/requestState", "/params/cursor"]
	count(pack.deny) == 0 with input as message("request", "client_to_server", [finding(0, "jwt", path)])
		with data.server_settings as settings({})
}

test_allows_signed_state_to_be_handed_out[path] if {
	some path in ["/result/requestState", "/result/nextCursor"]
	count(pack.redact) == 0 with input as message("response", "server_to_client", [finding(0, "jwt", path)])
		with data.server_settings as settings({})
}

test_denies_other_secrets_in_state_and_jwts_elsewhere[name] if {
	some name, found in {
		"key in state": finding(0, "aws_access_key", "/params/requestState"),
		"jwt in arguments": finding(0, "jwt", "/params/arguments/requestState"),
		"jwt in a key": finding(0, "jwt", "/params/arguments"),
		"unknown category": {"n": 0, "kind": "x", "category": "other", "path": "/params/x"},
	}
	ids(pack.deny) == {"secrets/leaving"} with input as message("request", "client_to_server", [found])
		with data.server_settings as settings({})
}

test_denies_a_message_whose_findings_are_not_all_listed[direction] if {
	some direction in ["client_to_server", "server_to_client"]
	ids(pack.deny) == {"secrets/too_many_findings"}
		with input as object.union(message("response", direction, [email]), {"findings_capped": true})
		with data.server_settings as settings({})
}

test_denies_everything_without_settings if {
	every sent in [message("request", "client_to_server", []), message("response", "server_to_client", [key])] {
		ids(pack.deny) == {"secrets/no_settings"} with input as sent with data.server_settings as {}
	}
	ids(pack.deny) == {"secrets/leaving", "secrets/no_settings"} with input as message("request", "client_to_server", [key])
		with data.server_settings as {}
}
