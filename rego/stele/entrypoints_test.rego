package stele_test

import data.stele

# The gateway sees JSON, in which a set is a list.
_as_json(value) := json.unmarshal(json.marshal(value))

test_append_cases[about] if {
	some case in data.cases.append
	about := case.about
	answer := stele.append with input as case.input
	_as_json(answer) == case.want
}

test_read_cases[about] if {
	some case in data.cases.read
	about := case.about
	answer := stele.read with input as case.input
	_as_json(answer) == case.want
}

# A case that gives nothing, or a file that is not loaded, would not show above.
test_every_case_ran if {
	count(data.cases.append) > 10
	count(data.cases.read) > 10
	{case.about | some case in data.cases.append} == {about | some about; test_append_cases[about]}
	{case.about | some case in data.cases.read} == {about | some about; test_read_cases[about]}
}
