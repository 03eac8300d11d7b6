/*
 * Custom objects: Project__c and Milestone__c form a cycle that a nullable lookup breaks,
 * Ledger__c and Ledger_Line__c one that nothing breaks.
 */
#include "sim_schema.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct sim_def_field sim_project[] = {
	SIM_HEAD,
	{"OwnerId", SIM_T_REFERENCE, 0, 0, "cudp", "Group|User", "Owner"},
	{"Name", SIM_T_STRING, 80, 0, "dNIA", 0, 0, "PRJ-{0000}"},
	{"RecordTypeId", SIM_T_REFERENCE, 0, 0, "cunp", "RecordType", "RecordType"},
	SIM_AUDIT,
	{"LastActivityDate", SIM_T_DATE, 0, 0, "n"},
	{"Account__c", SIM_T_REFERENCE, 0, 0, "cun", "Account", "Account__r>Projects__r"},
	{"Current_Milestone__c", SIM_T_REFERENCE, 0, 0, "cun", "Milestone__c",
		"Current_Milestone__r>Current_Projects__r"},
	{"Title__c", SIM_T_STRING, 255, 0, "cun"},
	{"Status__c", SIM_T_PICKLIST, 255, 0, "cunR", 0, 0, "*Planned;Active;On Hold;Done"},
	{"Budget__c", SIM_T_CURRENCY, 18, 2, "cun"},
	{"Spent__c", SIM_T_CURRENCY, 18, 2, "cun"},
	{"Remaining__c", SIM_T_CURRENCY, 18, 2, "nF", 0, 0, "Budget__c - Spent__c"},
	{"Effort__c", SIM_T_DOUBLE, 12, 3, "cun"},
	{"Margin__c", SIM_T_PERCENT, 5, 2, "cun"},
	{"Start_Date__c", SIM_T_DATE, 0, 0, "cun"},
	{"Kickoff__c", SIM_T_DATETIME, 0, 0, "cun"},
	{"Daily_Standup__c", SIM_T_TIME, 0, 0, "cun"},
	{"Regions__c", SIM_T_MULTIPICKLIST, 4099, 0, "cunR", 0, 0, "EMEA;AMER;APAC;LATAM"},
	{"Site__c", SIM_T_URL, 255, 0, "cun"},
	{"Contact_Email__c", SIM_T_EMAIL, 80, 0, "cun"},
	{"Hotline__c", SIM_T_PHONE, 40, 0, "cun"},
	{"Is_Internal__c", SIM_T_BOOLEAN, 0, 0, "cud"},
	{"Is_Billable__c", SIM_T_BOOLEAN, 0, 0, "cudt"},
	{"Summary__c", SIM_T_TEXTAREA, 32768, 0, "cunH"},
	{"Notes__c", SIM_T_TEXTAREA, 32768, 0, "cun"},
	{"Location__Latitude__s", SIM_T_DOUBLE, 18, 15, "cun"},
	{"Location__Longitude__s", SIM_T_DOUBLE, 18, 15, "cun"},
	{"Location__c", SIM_T_LOCATION, 0, 0, "n"},
	SIM_KEYS,
};

static const struct sim_def_field sim_milestone[] = {
	SIM_HEAD,
	{"Name", SIM_T_STRING, 80, 0, "cudN"},
	SIM_AUDIT,
	{"Project__c", SIM_T_REFERENCE, 0, 0, "cMVGL", "Project__c", "Project__r>Milestones__r"},
	{"Depends_On__c", SIM_T_REFERENCE, 0, 0, "cun", "Milestone__c",
		"Depends_On__r>Dependents__r"},
	{"Due__c", SIM_T_DATE, 0, 0, "cun"},
	{"Weight__c", SIM_T_DOUBLE, 5, 1, "cun"},
	{"Is_Done__c", SIM_T_BOOLEAN, 0, 0, "cud"},
	SIM_KEYS,
};

static const struct sim_def_field sim_ledger[] = {
	SIM_HEAD,
	{"OwnerId", SIM_T_REFERENCE, 0, 0, "cudp", "Group|User", "Owner"},
	{"Name", SIM_T_STRING, 80, 0, "cudN"},
	SIM_AUDIT,
	{"First_Line__c", SIM_T_REFERENCE, 0, 0, "cuS", "Ledger_Line__c",
		"First_Line__r>Ledgers__r"},
	SIM_KEYS,
};

static const struct sim_def_field sim_ledger_line[] = {
	SIM_HEAD,
	{"OwnerId", SIM_T_REFERENCE, 0, 0, "cudp", "Group|User", "Owner"},
	{"Name", SIM_T_STRING, 80, 0, "cudN"},
	SIM_AUDIT,
	{"Ledger__c", SIM_T_REFERENCE, 0, 0, "cuS", "Ledger__c", "Ledger__r>Lines__r"},
	{"Amount__c", SIM_T_CURRENCY, 16, 2, "cun"},
	SIM_KEYS,
};

#define SIM_OBJECT(n, l, p, t)                     \
	{                                          \
		n, l, p, NULL, "", t, SIM_COUNT(t) \
	}
const struct sim_def_object sim_std_custom[] = {
	SIM_OBJECT("Project__c", "Project", "Projects", sim_project),
	SIM_OBJECT("Milestone__c", "Milestone", "Milestones", sim_milestone),
	SIM_OBJECT("Ledger__c", "Ledger", "Ledgers", sim_ledger),
	SIM_OBJECT("Ledger_Line__c", "Ledger Line", "Ledger Lines", sim_ledger_line),
};
const size_t sim_std_custom_count = SIM_COUNT(sim_std_custom);
