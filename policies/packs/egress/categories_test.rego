package policies.egress_test

import data.policies.egress as pack

found(n, kind, category, path) := {"n": n, "kind": kind, "category": category, "path": path, "on": "value"}

email := found(0, "email", "pii", "/params/arguments/to")

key := found(1, "aws_access_key", "secret", "/params/arguments/text")

sends(phase, findings) := message(phase, "client_to_server", {"findings": findings})

test_denies_a_category_that_may_not_go[phase] if {
	some phase in ["request", "notification", "response"]
	pack.deny == {{"id": "egress/category", "msg": `Data of these categories may not go to this server: ["secret"].`}}
		with input as sends(phase, [key])
		with data.server_settings as settings({})
}

test_denies_nothing_but_redacts_a_category_that_goes_redacted[phase] if {
	some phase in ["request", "notification", "response"]
	sent := sends(phase, [email, found(4, "phone", "pii", "/params/arguments/x")])
	pack.redact == {{"id": "egress/category_redacted", "findings": {0, 4}, "with": "replace"}} with input as sent
		with data.server_settings as settings({})
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
}

test_allows_a_category_that_may_go if {
	count(pack.deny | pack.redact) == 0
		with input as object.union(sends("request", [email, key]), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({})
}

test_allows_signed_state_to_be_echoed[path] if {
	some path in ["/params/requestState", "/params/cursor"]
	every mode in ["deny", "redact"] {
		count(pack.deny | pack.redact) == 0 with input as sends("request", [found(0, "jwt", "secret", path)])
			with data.server_settings as settings({"categories": {"third_party": {"secret": mode}}})
	}
}

test_denies_other_secrets_in_state_and_jwts_elsewhere[name] if {
	some name, secret in {
		"key in state": found(0, "aws_access_key", "secret", "/params/requestState"),
		"jwt in arguments": found(0, "jwt", "secret", "/params/arguments/cursor"),
	}
	ids(pack.deny) == {"egress/category"} with input as sends("request", [secret]) with data.server_settings as settings({})
}

test_denies_what_the_table_says_nothing_useful_about[name] if {
	some name, changes in {
		"unknown mode": {"categories": {"third_party": {"pii": "hash"}}},
		"no row for the trust": {"categories": {"third_party": null}},
		"no row for the category": {"categories": {"third_party": {"pii": null}}},
	}
	"egress/category" in ids(pack.deny) with input as sends("request", [email]) with data.server_settings as settings(changes)
}

test_allows_results_to_be_judged_elsewhere if {
	count(pack.deny | pack.redact) == 0
		with input as message("response", "server_to_client", {"findings": [email, key], "findings_capped": true})
		with data.server_settings as settings({})
}

test_denies_a_message_whose_findings_are_not_all_listed if {
	ids(pack.deny) == {"egress/too_many_findings"} with input as object.union(sends("request", []), {"findings_capped": true})
		with data.server_settings as settings({})
}

test_allows_unlisted_findings_where_nothing_is_restricted if {
	sent := object.union(sends("request", []), {"findings_capped": true, "server": {"name": "s", "trust": "internal"}})
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
}
