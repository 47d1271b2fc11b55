package lib.retention_test

import data.lib.retention

test_every_class_names_its_clause_and_what_it_says if {
	every name, class in retention.classes {
		print(name)
		count(class.clause) > 5
		count(class.regime) > 5
		count(class.says) > 20
		class.mode in {"compliance", "none"}
		is_boolean(class.erasable)
	}
	count(retention.classes) == 8
}

# No period is shorter than its years and the most leap days that can fall into them.
test_periods_hold_their_leap_days if {
	every name, years in {"pci_dss": 1, "sec_17a4_three_years": 3, "sec_17a4_six_years": 6, "hipaa": 6, "sox_audit": 7} {
		retention.classes[name].days == (years * 365) + (((years + 3) - ((years + 3) % 4)) / 4)
	}
	retention.classes.ai_act_provider.days == ((((31 + 30) + 31) + 30) + 31) + 31
}

test_several_rules_are_served_by_the_longest if {
	both := retention.combined(["pci_dss", "sec_17a4_six_years"])
	both.days == 2192
	both.mode == "compliance"
	both.conflict == false
	both.clauses == ["17 CFR 240.17a-4(a)", "Requirement 10.5.1"]
}

test_to_erase_and_to_keep_is_a_conflict if {
	both := retention.combined(["gdpr", "sec_17a4_six_years"])
	both.conflict == true
	both.erasable == false
	both.days == 2192
	alone := retention.combined(["gdpr"])
	alone == {"clauses": ["Article 5(1)(e)"], "conflict": false, "days": null, "erasable": true, "mode": "none"}
}

test_what_is_not_known_serves_nothing if {
	not retention.combined(["pci_dss", "pcidss"])
	not retention.combined([])
	not retention.of_ledger("pcidss")
}

test_a_class_whose_clock_starts_with_an_event_has_no_days_yet if {
	retention.of_ledger("pci_dss") == {"days": 366, "erasable": false, "ground": null, "mode": "compliance"}
	retention.of_ledger("sox_audit").days == null
	retention.of_ledger("hipaa").days == null
	retention.of_ledger("gdpr") == {"days": null, "erasable": true, "ground": null, "mode": "none"}
}
