/*
 * Metadata as records: what the Tooling API queries, and two objects that plain REST shows as
 * well. Nobody writes them but schema files (sim_meta.c).
 */
#include "sim_schema.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define SIM_NAMESPACE                                       \
	{                                                   \
		"NamespacePrefix", SIM_T_STRING, 15, 0, "n" \
	}
#define SIM_ENTITY                                                                    \
	{                                                                             \
		"EntityDefinitionId", SIM_T_REFERENCE, 0, 0, "n", "EntityDefinition", \
			"EntityDefinition"                                            \
	}
/* only where one row is asked for */
#define SIM_WHOLE                                         \
	{"FullName", SIM_T_STRING, 255, 0, "n"},          \
	{                                                 \
		"Metadata", SIM_T_COMPLEX, 32000, 0, "nf" \
	}

static const struct sim_def_field sim_entity[] = {
	SIM_HEAD,
	{"DurableId", SIM_T_STRING, 50, 0, "I"},
	{"QualifiedApiName", SIM_T_STRING, 70, 0, "IN"},
	{"DeveloperName", SIM_T_STRING, 70, 0, "n"},
	{"Label", SIM_T_STRING, 80, 0, "n"},
	{"KeyPrefix", SIM_T_STRING, 3, 0, "n"},
	SIM_NAMESPACE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_validation_rule[] = {
	SIM_HEAD,
	{"ValidationName", SIM_T_STRING, 40, 0, "N"},
	SIM_ENTITY,
	{"Active", SIM_T_BOOLEAN, 0, 0, ""},
	{"Description", SIM_T_STRING, 255, 0, "n"},
	{"ErrorDisplayField", SIM_T_STRING, 255, 0, "n"},
	{"ErrorMessage", SIM_T_STRING, 255, 0, "n"},
	SIM_NAMESPACE,
	SIM_WHOLE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_workflow_rule[] = {
	SIM_HEAD,
	{"Name", SIM_T_STRING, 80, 0, "N"},
	{"TableEnumOrId", SIM_T_STRING, 50, 0, "n"},
	SIM_NAMESPACE,
	SIM_WHOLE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_apex_trigger[] = {
	SIM_HEAD,
	{"Name", SIM_T_STRING, 255, 0, "N"},
	{"TableEnumOrId", SIM_T_STRING, 50, 0, "n"},
	SIM_ENTITY,
	{"Status", SIM_T_PICKLIST, 40, 0, "nR", 0, 0, "Inactive;Active;Deleted"},
	{"ApiVersion", SIM_T_DOUBLE, 18, 1, "n"},
	{"Body", SIM_T_TEXTAREA, 32000, 0, "n"},
	SIM_NAMESPACE,
	SIM_WHOLE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_flow_definition[] = {
	SIM_HEAD,
	{"DeveloperName", SIM_T_STRING, 80, 0, "N"},
	{"MasterLabel", SIM_T_STRING, 80, 0, "n"},
	{"ActiveVersionId", SIM_T_REFERENCE, 0, 0, "n", "Flow", "ActiveVersion"},
	{"LatestVersionId", SIM_T_REFERENCE, 0, 0, "n", "Flow", "LatestVersion"},
	SIM_NAMESPACE,
	SIM_WHOLE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_flow[] = {
	SIM_HEAD,
	{"DefinitionId", SIM_T_REFERENCE, 0, 0, "n", "FlowDefinition", "Definition"},
	{"MasterLabel", SIM_T_STRING, 80, 0, "nN"},
	{"ProcessType", SIM_T_STRING, 40, 0, "n"},
	{"VersionNumber", SIM_T_INT, 9, 0, "n"},
	{"Status", SIM_T_PICKLIST, 40, 0, "nR", 0, 0, "Active;Draft;Obsolete;InvalidDraft"},
	SIM_WHOLE,
	SIM_AUDIT,
};

static const struct sim_def_field sim_flow_view[] = {
	SIM_HEAD,
	{"DurableId", SIM_T_STRING, 50, 0, "I"},
	{"ApiName", SIM_T_STRING, 255, 0, "N"},
	{"Label", SIM_T_STRING, 255, 0, "n"},
	{"ProcessType", SIM_T_STRING, 40, 0, "n"},
	{"TriggerType", SIM_T_STRING, 40, 0, "n"},
	{"RecordTriggerType", SIM_T_STRING, 40, 0, "n"},
	{"TriggerObjectOrEventId", SIM_T_REFERENCE, 0, 0, "n", "EntityDefinition",
		"TriggerObjectOrEvent"},
	{"TriggerObjectOrEventLabel", SIM_T_STRING, 80, 0, "n"},
	{"IsActive", SIM_T_BOOLEAN, 0, 0, ""},
	{"ActiveVersionId", SIM_T_STRING, 255, 0, "n"},
	{"LatestVersionId", SIM_T_STRING, 255, 0, "n"},
	{"VersionNumber", SIM_T_INT, 9, 0, "n"},
	SIM_NAMESPACE,
};

static const struct sim_def_field sim_duplicate_rule[] = {
	SIM_HEAD,
	{"SobjectType", SIM_T_PICKLIST, 40, 0, "R"},
	{"DeveloperName", SIM_T_STRING, 80, 0, "N"},
	{"MasterLabel", SIM_T_STRING, 80, 0, "n"},
	{"Language", SIM_T_STRING, 40, 0, "n"},
	{"IsActive", SIM_T_BOOLEAN, 0, 0, ""},
	SIM_NAMESPACE,
	SIM_AUDIT,
};

/* t: seen by the Tooling API alone; m: seen by both, and no record for a reset */
#define SIM_OBJECT(n, l, p, k, f, t)           \
	{                                      \
		n, l, p, k, f, t, SIM_COUNT(t) \
	}
const struct sim_def_object sim_std_meta[] = {
	SIM_OBJECT("EntityDefinition", "Entity Definition", "Entity Definitions", "4ie", "cudrm",
		sim_entity),
	SIM_OBJECT("ValidationRule", "Validation Rule", "Validation Rules", "03d", "cudrt",
		sim_validation_rule),
	SIM_OBJECT("WorkflowRule", "Workflow Rule", "Workflow Rules", "01Q", "cudrt",
		sim_workflow_rule),
	SIM_OBJECT(
		"ApexTrigger", "Apex Trigger", "Apex Triggers", "01q", "cudrt", sim_apex_trigger),
	SIM_OBJECT("FlowDefinition", "Flow Definition", "Flow Definitions", "300", "cudrt",
		sim_flow_definition),
	SIM_OBJECT("Flow", "Flow", "Flows", "301", "cudrt", sim_flow),
	SIM_OBJECT("FlowDefinitionView", "Flow Definition", "Flow Definitions", "3dd", "cudrm",
		sim_flow_view),
	SIM_OBJECT("DuplicateRule", "Duplicate Rule", "Duplicate Rules", "0Bm", "cudrm",
		sim_duplicate_rule),
};
const size_t sim_std_meta_count = SIM_COUNT(sim_std_meta);
