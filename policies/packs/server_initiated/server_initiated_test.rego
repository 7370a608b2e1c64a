package policies.server_initiated_test

import data.policies.server_initiated as pack

settings(changes) := {"s": {"server_initiated": object.union(
	{"sampling": "deny", "elicitation": "deny", "url_elicitation": "deny", "roots": "deny"},
	changes,
)}}

message(phase, direction, mcp) := {
	"phase": phase,
	"direction": direction,
	"server": {"name": "s", "trust": "third_party"},
	"mcp": mcp,
}

question(method, params) := message("request", "server_to_client", {"kind": "request", "method": method, "params": params})

answer(method, params) := message("response", "client_to_server", {
	"kind": "result",
	"method": method,
	"result": {},
	"request": {"method": method, "params": params},
})

needs_input(requests) := message("response", "server_to_client", {
	"kind": "result",
	"method": "tools/call",
	"result": {"resultType": "input_required", "requestState": "x", "inputRequests": requests},
	"request": {"method": "tools/call", "params": {"name": "echo"}},
})

task_needs_input(requests) := message("notification", "server_to_client", {
	"kind": "notification",
	"method": "notifications/tasks",
	"params": {"taskId": "1", "status": "input_required", "inputRequests": requests},
})

retry(responses) := message("request", "client_to_server", {
	"kind": "request",
	"method": "tools/call",
	"params": {"name": "echo", "inputResponses": responses, "requestState": "x"},
})

complete(direction) := message("notification", direction, {"method": "notifications/elicitation/complete", "params": {}})

needs_url := message("response", "server_to_client", {
	"kind": "error",
	"method": "tools/call",
	"error": {"code": -32042, "message": "x", "data": {"elicitations": [{"mode": "url", "url": "https://x.test"}]}},
	"request": {"method": "tools/call"},
})

ids(set) := {element.id | some element in set}

# What asks for what: [the message, the setting that decides].
questions := {
	"sampling": [question("sampling/createMessage", {"messages": []}), "sampling"],
	"roots": [question("roots/list", {}), "roots"],
	"form": [question("elicitation/create", {"message": "x", "requestedSchema": {}}), "elicitation"],
	"explicit form": [question("elicitation/create", {"mode": "form", "message": "x"}), "elicitation"],
	"url": [question("elicitation/create", {"mode": "url", "url": "https://x.test"}), "url_elicitation"],
	"url called a form": [question("elicitation/create", {"mode": "form", "url": "https://x.test"}), "url_elicitation"],
	"url without mode": [question("elicitation/create", {"url": "https://x.test"}), "url_elicitation"],
	"unknown mode": [question("elicitation/create", {"mode": "voice"}), "url_elicitation"],
	"elicitation without params": [message("request", "server_to_client", {"method": "elicitation/create"}), "elicitation"],
	"url is complete": [complete("server_to_client"), "url_elicitation"],
	"client says url is complete": [complete("client_to_server"), "url_elicitation"],
}

# What is there but is no text is neither the mode nor the URL that nothing was said of.
test_denies_an_elicitation_of_an_odd_form_as_one_of_a_url[name] if {
	some name, params in {
		"mode is null": {"mode": null},
		"mode is false": {"mode": false},
		"mode is a number": {"mode": 1},
		"mode in other letters": {"mode": "Form"},
		"url is null": {"url": null},
		"url is false": {"mode": "form", "url": false},
		"url is an object": {"url": {}},
	}
	request := {"method": "elicitation/create", "params": params}
	every sent in [question(request.method, params), answer(request.method, params), needs_input({"a": request})] {
		ids(pack.deny) == {"server_initiated/url_elicitation"} with input as sent with data.server_settings as settings({"elicitation": "allow"})
	}
}

test_denies_an_elicitation_without_members_as_one_of_a_form[name] if {
	some name, params in {"empty": {}, "null": null, "text": "url", "list": ["url"], "false": false}
	request := {"method": "elicitation/create", "params": params}
	every sent in [question(request.method, params), answer(request.method, params), needs_input({"a": request})] {
		ids(pack.deny) == {"server_initiated/elicitation"} with input as sent with data.server_settings as settings({"url_elicitation": "allow"})
	}
}

embedded := {
	"sampling": [{"a": {"method": "sampling/createMessage", "params": {}}}, "sampling"],
	"roots without params": [{"a": {"method": "roots/list"}}, "roots"],
	"form": [{"a": {"method": "elicitation/create", "params": {"message": "x"}}}, "elicitation"],
	"url": [{"a": {"method": "elicitation/create", "params": {"mode": "url", "url": "https://x.test"}}}, "url_elicitation"],
	"the second of two": [{"a": {"method": "roots/list"}, "b": {"method": "sampling/createMessage"}}, "sampling"],
}

test_denies_every_question_by_default[name] if {
	some name, [sent, setting] in questions
	ids(pack.deny) == {$"server_initiated/{setting}"} with input as sent with data.server_settings as settings({})
	count(pack.allow) == 0 with input as sent with data.server_settings as settings({})
}

test_allows_a_question_by_its_own_setting[name] if {
	some name, [sent, setting] in questions
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({setting: "allow"})
	count(pack.allow) == 1 with input as sent with data.server_settings as settings({setting: "allow"})
}

test_denies_a_question_when_only_the_others_are_allowed[name] if {
	some name, [sent, setting] in questions
	others := {other: "allow" | some other in ["sampling", "elicitation", "url_elicitation", "roots"]; other != setting}
	ids(pack.deny) == {$"server_initiated/{setting}"} with input as sent with data.server_settings as settings(others)
	count(pack.allow) == 0 with input as sent with data.server_settings as settings(others)
}

test_denies_a_result_that_asks[name] if {
	some name, [requests, setting] in embedded
	$"server_initiated/{setting}" in ids(pack.deny) with input as needs_input(requests) with data.server_settings as settings({})
	$"server_initiated/{setting}" in ids(pack.deny) with input as task_needs_input(requests) with data.server_settings as settings({})
}

test_allows_a_result_that_asks_what_is_allowed[name] if {
	some name, [requests, setting] in embedded
	permitted := settings({setting: "allow", "roots": "allow"})
	count(pack.deny) == 0 with input as needs_input(requests) with data.server_settings as permitted
	count(pack.deny) == 0 with input as task_needs_input(requests) with data.server_settings as permitted
}

all_allowed := settings({"sampling": "allow", "elicitation": "allow", "url_elicitation": "allow", "roots": "allow"})

test_denies_input_of_an_unknown_kind[name] if {
	some name, requests in {
		"other method": {"a": {"method": "tools/call"}},
		"other case": {"a": {"method": "Sampling/createMessage"}},
		"no method": {"a": {}},
		"not an object": {"a": "sampling/createMessage"},
		"a list": [{"method": "roots/list"}],
		"text": "roots/list",
		"odd params": {"a": {"method": "elicitation/create", "params": "url"}, "b": {"method": "x"}},
	}
	ids(pack.deny) == {"server_initiated/unknown_input"} with input as needs_input(requests) with data.server_settings as all_allowed
	ids(pack.deny) == {"server_initiated/unknown_input"} with input as task_needs_input(requests) with data.server_settings as all_allowed
}

finished_task(result) := message("response", "server_to_client", {"kind": "result", "method": "tasks/get", "result": result})

news_of_a_task(params) := message("notification", "server_to_client", {
	"kind": "notification",
	"method": "notifications/tasks",
	"params": params,
})

test_denies_a_question_in_the_result_of_a_task[name] if {
	some name, [requests, setting] in embedded
	task := {"taskId": "1", "status": "completed", "result": {"resultType": "input_required", "inputRequests": requests}}
	permitted := settings({setting: "allow", "roots": "allow"})
	every sent in [finished_task(task), news_of_a_task(task)] {
		$"server_initiated/{setting}" in ids(pack.deny) with input as sent with data.server_settings as settings({})
		count(pack.deny) == 0 with input as sent with data.server_settings as permitted
	}
}

errors_with_url := {
	"by its code": {"code": -32042, "message": "x"},
	"by its data": {"code": -32000, "message": "x", "data": {"elicitations": [{"mode": "url", "url": "https://x.test"}]}},
	"by odd data": {"code": -32000, "message": "x", "data": {"elicitations": {"url": "https://x.test"}}},
	"by both": needs_url.mcp.error,
}

test_denies_an_error_that_sends_the_user_away[name] if {
	some name, error in errors_with_url
	task := {"taskId": "1", "status": "failed", "error": error}
	plain_error := object.union(needs_url, {"mcp": {"error": error}})
	every sent in [plain_error, finished_task(task), news_of_a_task(task)] {
		ids(pack.deny) == {"server_initiated/url_elicitation"} with input as sent with data.server_settings as settings({})
		count(pack.deny) == 0 with input as sent with data.server_settings as settings({"url_elicitation": "allow"})
	}
}

test_denies_the_answer_to_a_question_that_is_no_longer_allowed[name] if {
	some name, [method, params, setting] in {
		"sampling": ["sampling/createMessage", {}, "sampling"],
		"roots": ["roots/list", {}, "roots"],
		"form": ["elicitation/create", {"message": "x"}, "elicitation"],
		"url by its mode": ["elicitation/create", {"mode": "url"}, "url_elicitation"],
		"url by its url": ["elicitation/create", {"url": "https://x.test"}, "url_elicitation"],
	}
	ids(pack.deny) == {$"server_initiated/{setting}"} with input as answer(method, params) with data.server_settings as settings({})
	count(pack.deny) == 0 with input as answer(method, params) with data.server_settings as settings({setting: "allow"})
}

test_denies_answers_when_no_question_is_allowed[name] if {
	some name, responses in {
		"an answer": {"a": {"action": "accept", "content": {"name": "x"}}},
		"a list": ["x"],
		"text": "x",
	}
	ids(pack.deny) == {"server_initiated/unsolicited_answer"} with input as retry(responses) with data.server_settings as settings({})
}

test_allows_answers_when_some_question_is_allowed[setting] if {
	some setting in ["sampling", "elicitation", "url_elicitation", "roots"]
	count(pack.deny) == 0 with input as retry({"a": {"action": "accept"}}) with data.server_settings as settings({setting: "allow"})
}

test_allows_a_retry_without_answers if {
	count(pack.deny) == 0 with input as retry({}) with data.server_settings as settings({})
}

test_allows_tasks_of_a_permitted_question[method] if {
	some method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"]
	ids(pack.allow) == {"server_initiated/task_of_question"} with input as question(method, {})
		with data.server_settings as settings({"sampling": "allow"})
}

test_denies_questions_and_tasks_in_the_wrong_direction_or_phase[name] if {
	some name, [phase, direction, method] in {
		"question as notification": ["notification", "server_to_client", "sampling/createMessage"],
		"question of the client": ["request", "client_to_server", "sampling/createMessage"],
		"task as notification": ["notification", "server_to_client", "tasks/get"],
		"task of the client": ["request", "client_to_server", "tasks/get"],
		"complete as request": ["request", "server_to_client", "notifications/elicitation/complete"],
	}
	count(pack.allow) == 0 with input as message(phase, direction, {"method": method}) with data.server_settings as all_allowed
}

test_denies_tasks_when_no_question_is_permitted[method] if {
	some method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"]
	count(pack.allow) == 0 with input as question(method, {}) with data.server_settings as settings({})
}

test_allows_everything_else_without_a_word[name] if {
	some name, sent in {
		"plain result": message("response", "server_to_client", {"kind": "result", "method": "tools/call", "result": {"content": []}}),
		"plain error": message("response", "server_to_client", {"kind": "error", "method": "tools/call", "error": {"code": -32602}}),
		"error without URLs": message("response", "server_to_client", {"kind": "error", "error": {"code": 1, "data": {"elicitations": []}}}),
		"failed task": finished_task({"taskId": "1", "status": "failed", "error": {"code": -32603, "message": "x", "data": "elicitations"}}),
		"finished task": news_of_a_task({"taskId": "1", "status": "completed", "result": {"content": []}}),
		"plain call": message("request", "client_to_server", {"method": "tools/call", "params": {"name": "sampling/createMessage"}}),
		"sampling sent by the client": message("request", "client_to_server", {"method": "sampling/createMessage"}),
		"nested look-alike": message("response", "server_to_client", {"kind": "result", "result": {"structuredContent": {"inputRequests": "x"}}}),
		"ping": question("ping", {}),
	}
	count(pack.deny) == 0 with input as sent with data.server_settings as settings({})
	count(pack.allow) == 0 with input as sent with data.server_settings as settings({})
}

test_denies_everything_without_settings if {
	ids(pack.deny) == {"server_initiated/no_settings", "server_initiated/sampling"} with input as question("sampling/createMessage", {})
		with data.server_settings as {}
	ids(pack.deny) == {"server_initiated/no_settings"} with input as question("ping", {}) with data.server_settings as {}
}
