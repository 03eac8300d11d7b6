/* Fields of files, their versions and links, one row a field. */
#include "sim_schema.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define SIM_LINKED                                                                           \
	"Account|Asset|Campaign|Case|Contact|Contract|Event|Lead|Opportunity|Order|Product2" \
	"|Quote|Task|User"

static const struct sim_def_field sim_folder[] = {
	SIM_HEAD,
	{"Name", SIM_T_STRING, 40, 0, "cunN"},
	{"DeveloperName", SIM_T_STRING, 80, 0, "cunI"},
	{"AccessType", SIM_T_PICKLIST, 40, 0, "cuR", 0, 0, "Shared;Public;Hidden;PublicInternal"},
	{"IsReadonly", SIM_T_BOOLEAN, 0, 0, "cud"},
	{"Type", SIM_T_PICKLIST, 40, 0, "cR", 0, 0, "Document;Email;Report;Dashboard"},
	SIM_AUDIT,
};

static const struct sim_def_field sim_document[] = {
	SIM_HEAD,
	{"FolderId", SIM_T_REFERENCE, 0, 0, "cu", "Folder|User", "Folder"},
	{"Name", SIM_T_STRING, 255, 0, "cuN"},
	{"DeveloperName", SIM_T_STRING, 80, 0, "cudI"},
	{"ContentType", SIM_T_STRING, 120, 0, "cun"},
	{"Type", SIM_T_STRING, 40, 0, "cun"},
	{"IsPublic", SIM_T_BOOLEAN, 0, 0, "cud"},
	{"BodyLength", SIM_T_INT, 8, 0, ""},
	{"Body", SIM_T_BASE64, 0, 0, "cun"},
	{"Url", SIM_T_STRING, 1000, 0, "cun"},
	{"Description", SIM_T_TEXTAREA, 255, 0, "cun"},
	{"Keywords", SIM_T_STRING, 255, 0, "cun"},
	{"IsInternalUseOnly", SIM_T_BOOLEAN, 0, 0, "cud"},
	{"AuthorId", SIM_T_REFERENCE, 0, 0, "cud", "User", "Author"},
	SIM_AUDIT,
};

static const struct sim_def_field sim_contentdocument[] = {
	SIM_HEAD,
	{"Title", SIM_T_STRING, 255, 0, "uN"},
	{"Description", SIM_T_TEXTAREA, 1000, 0, "un"},
	{"OwnerId", SIM_T_REFERENCE, 0, 0, "ud", "User", "Owner"},
	{"ParentId", SIM_T_REFERENCE, 0, 0, "un", "Folder", "Parent"},
	{"LatestPublishedVersionId", SIM_T_REFERENCE, 0, 0, "n", "ContentVersion",
		"LatestPublishedVersion"},
	{"FileType", SIM_T_STRING, 20, 0, "n"},
	{"FileExtension", SIM_T_STRING, 40, 0, "n"},
	{"ContentSize", SIM_T_INT, 10, 0, "n"},
	SIM_AUDIT,
};

static const struct sim_def_field sim_contentversion[] = {
	SIM_HEAD,
	{"ContentDocumentId", SIM_T_REFERENCE, 0, 0, "cdM", "ContentDocument",
		"ContentDocument>ContentVersions"},
	{"IsLatest", SIM_T_BOOLEAN, 0, 0, "d"},
	{"Title", SIM_T_STRING, 255, 0, "cuN"},
	{"Description", SIM_T_TEXTAREA, 1000, 0, "cun"},
	{"ReasonForChange", SIM_T_STRING, 1000, 0, "cun"},
	{"PathOnClient", SIM_T_STRING, 500, 0, "cn"},
	{"VersionNumber", SIM_T_STRING, 20, 0, "n"},
	{"VersionData", SIM_T_BASE64, 0, 0, "cun"},
	{"FileType", SIM_T_STRING, 20, 0, ""},
	{"FileExtension", SIM_T_STRING, 40, 0, "n"},
	{"ContentSize", SIM_T_INT, 10, 0, "n"},
	{"Checksum", SIM_T_STRING, 50, 0, "n"},
	{"FirstPublishLocationId", SIM_T_REFERENCE, 0, 0, "cn", SIM_LINKED, "FirstPublishLocation"},
	{"Origin", SIM_T_PICKLIST, 40, 0, "cdR", 0, 0, "C;H"},
	{"OwnerId", SIM_T_REFERENCE, 0, 0, "cud", "User", "Owner"},
	SIM_AUDIT,
	SIM_KEYS,
};

static const struct sim_def_field sim_contentdocumentlink[] = {
	{"Id", SIM_T_ID, 18, 0, "dI"},
	{"LinkedEntityId", SIM_T_REFERENCE, 0, 0, "cM", SIM_LINKED,
		"LinkedEntity>ContentDocumentLinks"},
	{"ContentDocumentId", SIM_T_REFERENCE, 0, 0, "cM", "ContentDocument",
		"ContentDocument>ContentDocumentLinks"},
	{"IsDeleted", SIM_T_BOOLEAN, 0, 0, "d"},
	{"SystemModstamp", SIM_T_DATETIME, 0, 0, "d"},
	{"ShareType", SIM_T_PICKLIST, 40, 0, "cunR", 0, 0, "V;C;I"},
	{"Visibility", SIM_T_PICKLIST, 40, 0, "cunR", 0, 0, "AllUsers;InternalUsers;SharedUsers"},
};

static const struct sim_def_field sim_quotedocument[] = {
	SIM_HEAD,
	{"Name", SIM_T_STRING, 270, 0, "NI"},
	{"QuoteId", SIM_T_REFERENCE, 0, 0, "cMV", "Quote", "Quote>QuoteDocuments"},
	{"Document", SIM_T_BASE64, 0, 0, "cn"},
	{"ContentVersionDocumentId", SIM_T_REFERENCE, 0, 0, "cun", "ContentVersion",
		"ContentVersionDocument"},
	{"DocumentTemplate", SIM_T_STRING, 255, 0, "cn"},
	{"Status", SIM_T_PICKLIST, 40, 0, "cundR", 0, 0,
		"*None;In Progress;Queued;Generating;Completed;Failed"},
	{"Discount", SIM_T_PERCENT, 5, 2, "n"},
	{"GrandTotal", SIM_T_CURRENCY, 18, 2, "n"},
	SIM_AUDIT,
};

#define SIM_OBJECT(n, l, p, k, f, t)           \
	{                                      \
		n, l, p, k, f, t, SIM_COUNT(t) \
	}
const struct sim_def_object sim_std_files[] = {
	SIM_OBJECT("Folder", "Folder", "Folders", "00l", "s", sim_folder),
	SIM_OBJECT("Document", "Document", "Documents", "015", "", sim_document),
	SIM_OBJECT("ContentDocument", "Content Document", "Content Documents", "069", "c",
		sim_contentdocument),
	SIM_OBJECT("ContentVersion", "Content Version", "Content Versions", "068", "d",
		sim_contentversion),
	SIM_OBJECT("ContentDocumentLink", "Content Document Link", "Content Document Links", "06A",
		"n", sim_contentdocumentlink),
	SIM_OBJECT("QuoteDocument", "Quote PDF", "Quote PDFs", "0QD", "", sim_quotedocument),
};
const size_t sim_std_files_count = SIM_COUNT(sim_std_files);
