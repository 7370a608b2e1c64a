package policies.protocol_and_identity_test

import data.policies.protocol_and_identity as pack

denied_for_omitted := {"protocol_and_identity/omitted_text"}

with_omitted(changes) := with_methods({"omitted_text": object.union(open_to_all.s.protocol_and_identity.omitted_text, changes)})

without_omitted := json.remove(open_to_all, ["s/protocol_and_identity/omitted_text"])

padded(phase, direction, pointers) := message(phase, direction, {"method": "tools/call", "omitted": pointers})

from_client := {
	"request": padded("request", "client_to_server", ["/params/arguments/x"]),
	"notification": padded("notification", "client_to_server", ["/params/x"]),
	"answer of the client": padded("response", "client_to_server", ["/result/x"]),
	"result of a padded request": padded("response", "server_to_client", ["/request/params/arguments/x"]),
	"large result of a padded request": padded("response", "server_to_client", ["/result/x", "/request/params/arguments/x"]),
}

from_server := {
	"request": padded("request", "server_to_client", ["/params/x"]),
	"notification": padded("notification", "server_to_client", ["/params/x"]),
	"result": padded("response", "server_to_client", ["/result/content/0/text"]),
	"member named request": padded("response", "server_to_client", ["/result/request/params"]),
	"error": padded("response", "server_to_client", ["/error/message"]),
	"answer to a padded question": padded("response", "client_to_server", ["/request/params/x"]),
}

test_denies_text_of_a_client_that_was_left_out[name] if {
	some name, sent in from_client
	ids(pack.deny) == denied_for_omitted with input as sent with data.server_settings as open_to_all
}

test_allows_text_of_a_client_that_was_left_out_when_the_settings_say_so[name] if {
	some name, sent in from_client
	count(pack.deny) == 0 with input as sent with data.server_settings as with_omitted({"client_to_server": "allow"})
}

test_allows_text_of_a_server_that_was_left_out[name] if {
	some name, sent in from_server
	count(pack.deny) == 0 with input as sent with data.server_settings as open_to_all
}

test_denies_text_of_a_server_that_was_left_out_when_the_settings_say_so[name] if {
	some name, sent in from_server
	ids(pack.deny) == denied_for_omitted with input as sent
		with data.server_settings as with_omitted({"server_to_client": "deny"})
}

test_denies_what_was_left_out_without_the_setting[name] if {
	some name, sent in {"client": from_client.request, "server": from_server.result}
	ids(pack.deny) == denied_for_omitted with input as sent with data.server_settings as without_omitted
}

test_denies_nothing_while_everything_was_read if {
	count(pack.deny) == 0 with input as call_tool("echo") with data.server_settings as open_to_all
}
