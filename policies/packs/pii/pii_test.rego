package policies.pii_test

import data.policies.pii as pack

# A table in which every place tells itself apart.
table := {
	"client_to_server": {
		"third_party": {"email": "allow", "card": "deny", "iban": "redact", "other": "deny"},
		"internal": {"other": "allow"},
	},
	"server_to_client": {
		"third_party": {"email": "redact", "card": "redact", "ipv4": "allow", "us_ssn": "deny", "other": "redact"},
		"internal": {"other": "allow"},
	},
	"list_items": {"third_party": {"card": "redact", "other": "allow"}, "internal": {"other": "allow"}},
	"redact_with": {"card": "partial", "other": "replace"},
	"min_score": {"phone": 0.6, "other": 0},
}

settings(changes) := {"s": {"pii": object.union(table, changes)}}

message(phase, direction, findings) := {
	"phase": phase,
	"direction": direction,
	"server": {"name": "s", "trust": "third_party"},
	"mcp": {"method": "tools/call"},
	"findings": findings,
}

finding(n, kind) := {"n": n, "kind": kind, "category": "pii", "path": $"/params/arguments/{n}", "on": "value", "score": 0.5}

at(kind, path) := object.union(finding(0, kind), {"path": path})

ids(set) := {element.id | some element in set}

test_denies_kinds_that_the_table_denies[name] if {
	some name, [phase, direction, kind] in {
		"card in a request": ["request", "client_to_server", "card"],
		"card in a notification": ["notification", "client_to_server", "card"],
		"card in an answer": ["response", "client_to_server", "card"],
		"kind without a row": ["request", "client_to_server", "passport"],
		"ssn in a result": ["response", "server_to_client", "us_ssn"],
		"ssn in a question": ["request", "server_to_client", "us_ssn"],
	}
	ids(pack.deny) == {"pii/denied"} with input as message(phase, direction, [finding(0, kind)]) with data.server_settings as settings({})
}

test_denies_with_the_kinds_and_nothing_else if {
	pack.deny == {{"id": "pii/denied", "msg": `Personal data of these kinds may not pass: ["card", "passport"].`}} with input as message(
		"request", "client_to_server",
		[finding(0, "card"), finding(1, "passport"), finding(2, "email")],
	)
		with data.server_settings as settings({})
}

test_allows_kinds_that_the_table_allows[name] if {
	some name, [phase, direction, kind] in {
		"email in a request": ["request", "client_to_server", "email"],
		"ipv4 in a result": ["response", "server_to_client", "ipv4"],
		"email in a list entry": ["list_item", "server_to_client", "email"],
	}
	count(pack.deny | pack.redact) == 0 with input as message(phase, direction, [finding(0, kind)]) with data.server_settings as settings({})
}

five_kinds := ["email", "ipv4", "card", "iban", "card"]

test_denies_nothing_but_redacts_kinds_that_the_table_redacts[phase] if {
	some phase in ["response", "notification", "request"]
	sent := message(phase, "server_to_client", [finding(n, kind) | some n, kind in five_kinds])
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
	pack.redact == {
		{"id": "pii/redacted", "findings": {0, 3}, "with": "replace"},
		{"id": "pii/redacted", "findings": {2, 4}, "with": "partial"},
	} with input as sent with data.server_settings as settings({})
}

test_allows_everything_to_trusted_servers[phase] if {
	some phase, direction in {"request": "client_to_server", "response": "server_to_client", "list_item": "server_to_client"}
	sent := object.union(message(phase, direction, [finding(0, "card"), finding(1, "us_ssn")]), {"server": {"name": "s", "trust": "internal"}})
	count(pack.deny | pack.redact) == 0 with input as sent with data.server_settings as settings({})
}

test_allows_descriptions_by_the_table_of_list_items[method] if {
	some method, path in {
		"tools/list": "/result/tools/0/description",
		"prompts/list": "/result/prompts/0/description",
		"resources/list": "/result/resources/0/name",
		"resources/templates/list": "/result/resourceTemplates/0/name",
	}
	sent := object.union(message("response", "server_to_client", [at("email", path)]), {"mcp": {"method": method}})
	count(pack.deny | pack.redact) == 0 with input as sent with data.server_settings as settings({})
}

test_denies_no_card_in_a_list_but_redacts_it[name] if {
	some name, sent in {
		"list entry": message("list_item", "server_to_client", [at("card", "/description")]),
		"whole list": object.union(
			message("response", "server_to_client", [at("card", "/result/tools/0/description")]),
			{"mcp": {"method": "tools/list"}},
		),
	}
	pack.redact == {{"id": "pii/redacted", "findings": {0}, "with": "partial"}} with input as sent with data.server_settings as settings({})
}

test_denies_no_list_path_elsewhere_but_redacts_it[name] if {
	some name, [method, path] in {
		"list of another kind": ["prompts/list", "/result/tools/0/description"],
		"result of a call": ["tools/call", "/result/tools/0/description"],
		"beside the entries": ["tools/list", "/result/_meta/contact"],
	}
	sent := object.union(message("response", "server_to_client", [at("email", path)]), {"mcp": {"method": method}})
	ids(pack.redact) == {"pii/redacted"} with input as sent with data.server_settings as settings({})
}

test_allows_the_members_that_tie_messages_together[path] if {
	some path in [
		"/id", "/params/_meta/progressToken", "/params/cursor", "/params/progressToken",
		"/params/requestId", "/params/requestState", "/result/nextCursor", "/result/requestState",
	]
	every direction in ["client_to_server", "server_to_client"] {
		count(pack.deny | pack.redact) == 0 with input as message("request", direction, [at("card", path)])
			with data.server_settings as settings({})
	}
}

test_allows_what_the_detector_is_not_sure_enough_of if {
	count(pack.deny | pack.redact) == 0 with input as message("request", "client_to_server", [finding(0, "phone")])
		with data.server_settings as settings({})
}

test_denies_what_the_detector_is_just_sure_enough_of if {
	sure := object.union(finding(0, "phone"), {"score": 0.6})
	ids(pack.deny) == {"pii/denied"} with input as message("request", "client_to_server", [sure]) with data.server_settings as settings({})
}

test_allows_secrets_to_be_judged_elsewhere if {
	secret := object.union(finding(0, "jwt"), {"category": "secret"})
	count(pack.deny | pack.redact) == 0 with input as message("request", "client_to_server", [secret])
		with data.server_settings as settings({})
}

test_denies_a_category_that_nobody_judges if {
	odd := object.union(finding(0, "health"), {"category": "other"})
	ids(pack.deny) == {"pii/denied"} with input as message("request", "client_to_server", [odd]) with data.server_settings as settings({})
}

test_denies_a_message_whose_findings_are_not_all_listed[name] if {
	some name, [phase, direction] in {
		"request": ["request", "client_to_server"],
		"result": ["response", "server_to_client"],
		"list entry": ["list_item", "server_to_client"],
	}
	"pii/too_many_findings" in ids(pack.deny) with input as object.union(message(phase, direction, []), {"findings_capped": true})
		with data.server_settings as settings({})
}

test_allows_unlisted_findings_where_nothing_is_restricted if {
	sent := object.union(message("request", "client_to_server", []), {"findings_capped": true, "server": {"name": "s", "trust": "internal"}})
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
}

test_denies_what_the_table_says_nothing_useful_about[name] if {
	some name, changes in {
		"unknown mode": {"server_to_client": {"third_party": {"email": "hide"}}},
		"no row": {"server_to_client": {"third_party": null}},
		"no operator": {"redact_with": null},
		"no scores": {"min_score": null, "redact_with": {"other": false}},
	}
	ids(pack.deny) == {"pii/denied"} with input as message("response", "server_to_client", [finding(0, "email")])
		with data.server_settings as settings(changes)
}

test_denies_everything_without_settings if {
	ids(pack.deny) == {"pii/no_settings"} with input as message("request", "client_to_server", []) with data.server_settings as {}
	ids(pack.deny) == {"pii/denied", "pii/no_settings"} with input as message("response", "server_to_client", [finding(0, "email")])
		with data.server_settings as {}
}
