# METADATA
# title: Somebody administers when nobody works, or breaks the glass
package lib.alerts.off_hours

import data.lib.alerts.facts
import data.lib.hours

# METADATA
# title: What was found
# description: A change by a person, at the time of the entry. Machines work at all hours.
found contains facts.alert("off_hours_administration", "medium", "a person changed something outside of business hours") if {
	_is_change
	facts.event.userIdentity.type in {"IAMUser", "Root", "SAMLUser", "WebIdentityUser"}
	not hours.within(input.time.ms, calendar)
}

found contains facts.alert("off_hours_administration", "medium", "a person changed something outside of business hours") if {
	input.action.name == "policy.activate"
	not hours.within(input.time.ms, calendar)
}

found contains facts.alert("glass_broken", "high", "a caller says that the usual rules cannot wait") if {
	hours.is_break_glass
}

found contains facts.alert("glass_broken", "high", "a caller says that the usual rules cannot wait") if {
	input.action.name == "policy.activate"
	input.resource.properties.change == "break_glass"
}

found contains facts.alert("root_used", "high", "the root of an account was used") if {
	facts.event.userIdentity.type == "Root"
	_is_change
}

# METADATA
# title: When people work
# description: Monday to Friday, seven to nineteen, UTC. Yours is another.
calendar := {"days": [1, 2, 3, 4, 5], "from": 420, "to": 1140, "offset": 0}

_is_change if facts.event.readOnly == false
