package lib.duties_test

import data.lib.duties

_of(people) := [{"person": person} | some person in people]

test_neither_the_author_counts_nor_a_person_twice if {
	duties.independent(_of(["bob", "ann", " Bob", "eve "]), "EVE") == ["ann", "bob"]
	duties.independent(_of([7, null, ""]), "eve") == []
	duties.independent([{}, "bob"], "eve") == []
}

test_without_a_known_author_nobody_counts if {
	every author in [null, "", " ", 7] {
		duties.independent(_of(["ann", "bob"]), author) == []
	}
}

test_two_are_enough_where_two_are_needed if {
	duties.is_approved(_of(["ann", "bob"]), "eve", 2)
	not duties.is_approved(_of(["ann", "ANN"]), "eve", 2)
	not duties.is_approved(_of(["ann", "eve"]), "eve", 2)
	not duties.is_approved([], "eve", 0)
}

test_roles_that_are_not_for_one_person if {
	pairs := [["author", "approver"], ["payer", "requester"], ["lonely"]]
	given := {"subject": {"properties": {"roles": ["payer", "approver", "author", "lonely"]}}}
	duties.joined(pairs) == [["author", "approver"]] with input as given
	duties.joined(pairs) == [] with input as {}
}

test_nobody_decides_about_their_own_work if {
	mine := {"subject": {"id": "ann"}, "resource": {"type": "policy", "properties": {"author": "Ann"}}}
	duties.is_own_work with input as mine
	duties.is_own_work with input as {"resource": {"type": "entry", "properties": {"owned": true}}}
	not duties.is_own_work with input as object.union(mine, {"subject": {"id": "bob"}})
	not duties.is_own_work with input as {"subject": {"id": ""}, "resource": {"properties": {"author": ""}}}
	not duties.is_own_work with input as {}
}
