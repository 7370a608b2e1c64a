# What kinds of question a message puts to the client, or answers. The names of the kinds are the names of the settings.
# Only the members that tell the kind are read, never the question's text: it may be long.
package policies.server_initiated

# A legacy request on a stream.
asked contains own_question

# The client's answer to a legacy request: the settings may have changed since it was asked.
asked contains kind_of(input.mcp.request.method, answered_mode, answered_url)

# 2026-07-28: a result that needs input first, also that of tasks/get and the result that a finished task holds.
asked contains kind if some kind in input_kinds(input.mcp.result.inputRequests)

asked contains kind if some kind in input_kinds(input.mcp.result.result.inputRequests)

# The same, in the notification of a task.
asked contains kind if some kind in input_kinds(input.mcp.params.inputRequests)

asked contains kind if some kind in input_kinds(input.mcp.params.result.inputRequests)

# 2025-11-25: an error that sends the user to a URL before the call can be made again; a failed task holds the error of its request.
# Whoever reads the list of URLs may not look at the code.
asked contains "url_elicitation" if input.mcp.error.code == -32042

asked contains "url_elicitation" if input.mcp.error.data.elicitations != []

asked contains "url_elicitation" if input.mcp.result.error.code == -32042

asked contains "url_elicitation" if input.mcp.result.error.data.elicitations != []

asked contains "url_elicitation" if input.mcp.params.error.code == -32042

asked contains "url_elicitation" if input.mcp.params.error.data.elicitations != []

asked contains "url_elicitation" if elicitation_complete

own_question := kind if {
	input.phase == "request"
	input.direction == "server_to_client"
	kind := kind_of(input.mcp.method, own_mode, own_url)
}

elicitation_complete if {
	input.phase == "notification"
	input.mcp.method == "notifications/elicitation/complete"
}

kind_of("sampling/createMessage", _, _) := "sampling"

kind_of("roots/list", _, _) := "roots"

kind_of("elicitation/create", mode, url) := "elicitation" if {
	mode == "form"
	url == ""
}

kind_of("elicitation/create", mode, _) := "url_elicitation" if mode != "form"

kind_of("elicitation/create", _, url) := "url_elicitation" if url != ""

default own_mode := "form"

own_mode := input.mcp.params.mode

default own_url := ""

own_url := input.mcp.params.url

default answered_mode := "form"

answered_mode := input.mcp.request.params.mode

default answered_url := ""

answered_url := input.mcp.request.params.url

input_kinds(requests) := {kind_of_input(request) | some request in requests} if {
	is_object(requests)
} else := {"unknown"}

kind_of_input(request) := kind if {
	kind := kind_of(
		request.method,
		object.get(request, ["params", "mode"], "form"),
		object.get(request, ["params", "url"], ""),
	)
} else := "unknown"
