# METADATA
# title: Separation of duties
# description: |
#   Who does a thing does not approve it, one person is one voice under however many keys, and some roles are not for one
#   person. A person is compared without case and without spaces around.
package lib.duties

import data.lib.caller

# METADATA
# title: Whose approval counts
# description: |
#   Of approvals `[{person}]` those of everybody but the author, each person once, ascending. Without an author that is known
#   nobody's counts: anybody might be the author.
independent(approvals, author) := sort({person |
	_person(author)
	some approval in approvals
	person := _person(approval.person)
	person != _person(author)
})

# METADATA
# title: Whether enough people approved
is_approved(approvals, author, needed) if {
	needed > 0
	count(independent(approvals, author)) >= needed
}

# METADATA
# title: Duties that the caller joins and may not
# description: Of pairs of roles, as `[["author", "approver"]]`, those of which the caller holds both; ascending.
joined(pairs) := sort({pair |
	some pair in pairs
	count(pair) > 1
	every role in pair {
		role in caller.roles
	}
})

# METADATA
# title: Whether the caller would decide about a work of its own
# description: The gateway says of entries whether the caller wrote them; of other things the resource names an author.
is_own_work if caller.is_owner

is_own_work if _person(input.resource.properties.author) == _person(input.subject.id)

_person(name) := lower(trim_space(name)) if {
	is_string(name)
	trim_space(name) != ""
}
