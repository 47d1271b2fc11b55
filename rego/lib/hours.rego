# METADATA
# title: Business hours, and breaking the glass outside them
# description: |
#   Reckoned from `input.time` alone, so that a decision repeats. A calendar is `{days, from, to, offset, closed}`: week days
#   (0 is Sunday), minutes of the day, minutes east of UTC, and dates as whole days since 1970. An offset is fixed: a calendar
#   with summer time is two calendars, and the data says which holds.
package lib.hours

# METADATA
# title: Whether a time falls into a calendar
# description: The end is excluded; a calendar whose `to` is before its `from` runs over midnight and belongs to the day it began.
within(ms, calendar) if {
	calendar.from < calendar.to
	at := moment(ms, calendar)
	_is_open(at.day, at.date, calendar)
	at.minute >= calendar.from
	at.minute < calendar.to
}

within(ms, calendar) if {
	calendar.from > calendar.to
	at := moment(ms, calendar)
	at.minute >= calendar.from
	_is_open(at.day, at.date, calendar)
}

within(ms, calendar) if {
	calendar.from > calendar.to
	at := moment(ms, calendar)
	at.minute < calendar.to
	_is_open((at.day + 6) % 7, at.date - 1, calendar)
}

# METADATA
# title: Day of the week, whole days since 1970 and minute of the day
moment(ms, calendar) := {"day": (date + 4) % 7, "date": date, "minute": minutes - (date * 1440)} if {
	minutes := ((ms - (ms % 60000)) / 60000) + calendar.offset
	date := (minutes - (minutes % 1440)) / 1440
}

_is_open(day, date, calendar) if {
	day in calendar.days
	not date in object.get(calendar, "closed", [])
}

# METADATA
# title: Whether the caller breaks the glass
# description: |
#   In words and with a ticket: `context.break_glass` is `{reason, ticket}`, both texts, a reason of at least 20 characters. It
#   is for the caller to say so and for `stele/alert` to make it heard; what it opens is the policy's choice.
is_break_glass if {
	claim := input.context.break_glass
	is_string(claim.reason)
	is_string(claim.ticket)
	count(trim_space(claim.reason)) >= 20
	count(trim_space(claim.ticket)) > 0
}
