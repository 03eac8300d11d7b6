/*
 * jsforce.js bulk|rest: accounts and contacts from one org to another with jsforce, as its manual shows it. Upserts by
 * Ext_Id__c; a contact's account is given by the account's Ext_Id__c. Reads by REST queries: its Bulk query runs several
 * result pages into each other (a text with a quote at a page's end is then refused, in 3.10.26). Writes by Bulk, an ingest job for
 * each 50,000 records, or by collections of 200, one after another, as jsforce does it.
 * PEER holds {source: {url, token}, target: {url, token}, objects: [{name, fields}]}.
 */
'use strict';
const { Connection } = require('jsforce');

const PER_JOB = 50000;
const peer = JSON.parse(process.env.PEER);
const bulk = process.argv[2] === 'bulk';

function connect(org) {
	const connection = new Connection({ instanceUrl: org.url, accessToken: org.token, version: '60.0' });
	connection.bulk2.pollTimeout = 600000;
	return connection;
}

function read(source, soql) {
	return source.query(soql, { autoFetch: true, maxFetch: 10000000 }).then((result) => result.records);
}

function prepared(record, fields) {
	const row = {};
	for (const field of fields) {
		const [parent, name] = field.split('.');
		if (!name) row[field] = record[field];
		else if (bulk) row[field] = record[parent] ? record[parent][name] : null;
		else if (record[parent]) row[parent] = { [name]: record[parent][name] };
	}
	return row;
}

async function write(target, name, rows) {
	let failed = 0;
	if (!bulk) {
		const results = await target.sobject(name).upsert(rows, 'Ext_Id__c', { allOrNone: false, allowRecursive: true });
		return results.filter((result) => !result.success).length;
	}
	for (let at = 0; at < rows.length; at += PER_JOB) {
		const results = await target.bulk2.loadAndWaitForResults({
			object: name, operation: 'upsert', externalIdFieldName: 'Ext_Id__c', input: rows.slice(at, at + PER_JOB),
			pollTimeout: 600000,
		});
		failed += results.failedResults.length;
	}
	return failed;
}

async function main() {
	const source = connect(peer.source), target = connect(peer.target);
	let failed = 0;
	for (const { name, fields } of peer.objects) {
		const records = await read(source, `SELECT ${fields.join(', ')} FROM ${name}`);
		failed += await write(target, name, records.map((record) => prepared(record, fields)));
		console.error(`${name}: ${records.length} read, ${failed} failed so far`);
	}
	return failed ? 1 : 0;
}

main().then((status) => { process.exitCode = status; }, (error) => {
	console.error(error);
	process.exitCode = 1;
});
