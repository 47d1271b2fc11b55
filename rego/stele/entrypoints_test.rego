package stele_test

import data.stele

test_append_cases[about] if {
	some case in data.cases.append
	about := case.about
	answer := stele.append with input as case.input
	answer == case.want
}

test_read_cases[about] if {
	some case in data.cases.read
	about := case.about
	answer := stele.read with input as case.input
	answer == case.want
}

test_admin_cases[about] if {
	some case in data.cases.admin
	about := case.about
	answer := stele.admin with input as case.input
	answer == case.want
}

test_an_unsigned_bundle_may_be_taken if {
	bare := object.union(data.cases.admin[0].input, {"resource": {"properties": {"author": null, "signer": null}}})
	refused := stele.admin with input as bare
	not refused.allow
	answer := stele.admin with input as bare with data.settings.activation.unsigned as true
	answer.allow
}

test_a_replay_may_be_demanded_of_whoever_approves if {
	asked := data.cases.admin[0].input
	seen := [object.union(one, {"report": 12}) | some one in asked.resource.properties.approvals]
	shown := object.union(asked, {"resource": {"properties": {"approvals": seen}}})
	urgent := object.union(asked, {"resource": {"properties": {"change": "break_glass"}}})
	refused := stele.admin with input as asked with data.settings.activation.report_needed as true
	not refused.allow
	"approvals have to name a replay of the bundle" in refused.reasons
	answer := stele.admin with input as shown with data.settings.activation.report_needed as true
	answer.allow
	broken := stele.admin with input as urgent with data.settings.activation.report_needed as true
	broken.allow
}

# A case that gives nothing, or a file that is not loaded, would not show above.
test_every_case_ran if {
	count(data.cases.append) > 10
	count(data.cases.read) > 10
	count(data.cases.admin) > 5
	{case.about | some case in data.cases.append} == {about | some about; test_append_cases[about]}
	{case.about | some case in data.cases.read} == {about | some about; test_read_cases[about]}
	{case.about | some case in data.cases.admin} == {about | some about; test_admin_cases[about]}
}

# A CloudEvent has its payload under `data`.
test_what_is_named_of_an_event_is_named_of_a_payload if {
	count(_own("personal")) > 10
	count(_own("secrets")) > 1
	missing := {pointer |
		some list in ["personal", "secrets"]
		some pointer in _own(list)
		payload := concat("", ["/input/event/data", trim_prefix(pointer, "/input/event")])
		not payload in data.settings[list]
	}
	missing == set()
}

_own(list) := {pointer |
	some pointer in data.settings[list]
	startswith(pointer, "/input/event/")
	not startswith(pointer, "/input/event/data")
}
