package lib.hours_test

import data.lib.hours

_office := {"days": [1, 2, 3, 4, 5], "from": 420, "to": 1140, "offset": 0}

_night := {"days": [5], "from": 1320, "to": 360, "offset": 0}

# 2023-07-10 was a Monday.
_monday := 1688947200000

_at(days, minutes) := _monday + (((days * 1440) + minutes) * 60000)

test_the_day_of_the_week_is_that_of_the_calendar if {
	hours.moment(0, _office) == {"day": 4, "date": 0, "minute": 0}
	hours.moment(_monday, _office) == {"day": 1, "date": 19548, "minute": 0}
	hours.moment(1709164800000, _office) == {"day": 4, "date": 19782, "minute": 0}
}

test_office_hours_begin_with_their_first_minute_and_end_before_their_last if {
	not hours.within(_at(0, 419), _office)
	hours.within(_at(0, 420), _office)
	hours.within(_at(0, 1139), _office)
	not hours.within(_at(0, 1140), _office)
}

test_nobody_is_in_the_office_at_the_weekend if {
	hours.within(_at(4, 600), _office)
	not hours.within(_at(5, 600), _office)
	not hours.within(_at(6, 600), _office)
}

test_a_closed_date_is_closed if {
	not hours.within(_at(0, 600), object.union(_office, {"closed": [19548]}))
	hours.within(_at(1, 600), object.union(_office, {"closed": [19548]}))
}

test_an_offset_moves_the_day if {
	east := object.union(_office, {"offset": 120})
	hours.within(_at(0, 300), east)
	not hours.within(_at(0, 1020), east)
	not hours.within(_at(4, 1400), east)
}

test_hours_over_midnight_belong_to_the_day_they_began if {
	hours.within(_at(4, 1320), _night)
	hours.within(_at(5, 359), _night)
	not hours.within(_at(5, 360), _night)
	not hours.within(_at(5, 1320), _night)
	not hours.within(_at(4, 359), _night)
}

test_the_glass_is_broken_in_words_and_with_a_ticket if {
	why := "the payment queue stands still"
	hours.is_break_glass with input as {"context": {"break_glass": {"reason": why, "ticket": "INC-7"}}}
	every claim in [
		true,
		{"reason": why},
		{"reason": why, "ticket": " "},
		{"reason": "urgent", "ticket": "INC-7"},
		{"reason": concat("", ["  urgent", "                      "]), "ticket": "INC-7"},
		{"reason": [why], "ticket": "INC-7"},
	] {
		not hours.is_break_glass with input as {"context": {"break_glass": claim}}
	}
	not hours.is_break_glass with input as {}
}
