# What kinds of question a message puts to the client, or answers. The names of the kinds are the names of the settings.
# Only the members that tell the kind are read, never the question's text: it may be long. Functions, not rules, where the answer is
# nearly always that nothing is asked: what a rule answers is kept for the rest of the evaluation, and that costs more than asking again.
package policies.server_initiated

# A legacy request on a stream.
asked contains own_question(input.mcp)

# The client's answer to a legacy request: the settings may have changed since it was asked.
asked contains kind_of(input.mcp.request.method, input.mcp.request)

# 2026-07-28: a result that needs input first, also that of tasks/get and the result that a finished task holds.
asked contains kind if some kind in input_kinds(input.mcp.result.inputRequests)

asked contains kind if some kind in input_kinds(input.mcp.result.result.inputRequests)

# The same, in the notification of a task.
asked contains kind if some kind in input_kinds(input.mcp.params.inputRequests)

asked contains kind if some kind in input_kinds(input.mcp.params.result.inputRequests)

# 2025-11-25: an error that sends the user to a URL before the call can be made again; a failed task holds the error of its request.
# Whoever reads the list of URLs may not look at the code.
asked contains "url_elicitation" if sends_to_url(input.mcp.error)

asked contains "url_elicitation" if sends_to_url(input.mcp.result.error)

asked contains "url_elicitation" if sends_to_url(input.mcp.params.error)

asked contains "url_elicitation" if ends_elicitation(input.mcp.method)

sends_to_url(error) if error.code == -32042

sends_to_url(error) if error.data.elicitations != []

own_question(mcp) := kind if {
	input.phase == "request"
	input.direction == "server_to_client"
	kind := kind_of(mcp.method, mcp)
}

ends_elicitation("notifications/elicitation/complete") if input.phase == "notification"

kind_of("sampling/createMessage", _) := "sampling"

kind_of("roots/list", _) := "roots"

kind_of("elicitation/create", request) := kind_of_elicitation(
	object.get(request, ["params", "mode"], "form"),
	object.get(request, ["params", "url"], ""),
)

kind_of_elicitation(mode, url) := "elicitation" if {
	mode == "form"
	url == ""
} else := "url_elicitation"

input_kinds(requests) := {kind_of_input(request) | some request in requests} if {
	is_object(requests)
} else := {"unknown"}

kind_of_input(request) := kind if {
	kind := kind_of(request.method, request)
} else := "unknown"
