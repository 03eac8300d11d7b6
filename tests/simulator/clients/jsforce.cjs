/* jsforce against a simulated org; prints TAP. */
'use strict';
const assert = require('node:assert');
const jsforce = require('jsforce');

const {SRC_URL: url, SRC_TOKEN: token} = process.env;
const connect = (more) => new jsforce.Connection({instanceUrl: url, accessToken: token, version: '60.0', ...more});
const oauth2 = {clientId: 'orgsync', clientSecret: 'orgsync-secret', loginUrl: url};
const conn = connect();
const range = (n) => [...Array(n).keys()];

async function admin(method, what, body) {
	const reply = await fetch(`${url}/__sim/${what}`, {method, body: body && JSON.stringify(body)});

	assert.strictEqual(reply.status, 200);
	return reply.json();
}

const tests = {
	async 'identity'() {
		const me = await conn.identity();

		assert.strictEqual(me.username, 'admin@src.example');
		assert.match(me.organization_id, /^00D.{15}$/);
	},

	async 'login by client credentials'() {
		const c = new jsforce.Connection({instanceUrl: url, oauth2, version: '60.0'});

		await c.authorize({grant_type: 'client_credentials'});
		assert.strictEqual((await c.query('SELECT Id FROM Organization')).totalSize, 1);
	},

	async 'login by name and password'() {
		const c = new jsforce.Connection({oauth2, version: '60.0'});
		const user = await c.login('admin@src.example', 'simulator');

		assert.match(user.id, /^005/);
		assert.strictEqual(c.instanceUrl, url);
	},

	async 'a dead session is renewed by the refresh token'() {
		const c = connect({accessToken: '00Dnone!dead', oauth2, refreshToken: 'refresh-src'});

		assert.strictEqual((await c.query('SELECT Id FROM Organization')).totalSize, 1);
	},

	async 'a dead session is an error'() {
		await assert.rejects(connect({accessToken: '00Dnone!dead'}).query('SELECT Id FROM User'), {errorCode: 'INVALID_SESSION_ID'});
	},

	async 'versions'() {
		const versions = await conn.request('/services/data');

		assert.strictEqual(versions[0].version, '31.0');
	},

	async 'describe'() {
		const all = await conn.describeGlobal(), account = await conn.describe('Account');
		const field = Object.fromEntries(account.fields.map((f) => [f.name, f]));

		assert.ok(all.sobjects.some((o) => o.name === 'Ledger__c' && o.custom));
		assert.strictEqual(account.keyPrefix, '001');
		assert.strictEqual(field.Ext_Id__c.externalId, true);
		assert.deepStrictEqual(field.ParentId.referenceTo, ['Account']);
		assert.ok(account.recordTypeInfos.some((r) => r.developerName === 'Partner'));
		await assert.rejects(conn.describe('Nope'), {errorCode: 'NOT_FOUND'});
	},

	async 'one record'() {
		const made = await conn.sobject('Account').create({Name: 'one', Industry: 'Energy'});

		assert.strictEqual(made.success, true);
		assert.strictEqual((await conn.sobject('Account').retrieve(made.id)).Industry, 'Energy');
		assert.strictEqual((await conn.sobject('Account').update({Id: made.id, Name: 'two', Industry: null})).success, true);
		const got = await conn.sobject('Account').findOne({Id: made.id}, ['Name', 'Industry', 'Owner.Username']);
		assert.deepStrictEqual([got.Name, got.Industry, got.Owner.Username], ['two', null, 'admin@src.example']);
		assert.strictEqual((await conn.sobject('Account').destroy(made.id)).success, true);
		await assert.rejects(conn.sobject('Account').retrieve(made.id), {errorCode: 'ENTITY_IS_DELETED'});
	},

	async 'upsert of one record'() {
		const first = await conn.sobject('Account').upsert({Name: 'u', Ext_Id__c: 'u 1 ä'}, 'Ext_Id__c');
		const again = await conn.sobject('Account').upsert({Name: 'v', Ext_Id__c: 'u 1 ä'}, 'Ext_Id__c');

		assert.deepStrictEqual([first.created, again.created, again.id], [true, false, first.id]);
	},

	async 'errors of one record'() {
		await assert.rejects(conn.sobject('Account').create({Industry: 'Energy'}), {errorCode: 'REQUIRED_FIELD_MISSING'});
		await assert.rejects(conn.query('SELECT Nope FROM Account'), {errorCode: 'INVALID_FIELD'});
		await assert.rejects(conn.query('SELECT'), {errorCode: 'MALFORMED_QUERY'});
	},

	async 'collections'() {
		const names = range(250).map((i) => ({Name: `c${i}`, Ext_Id__c: `c${i}`}));
		const made = await conn.sobject('Account').create([...names, {Industry: 'Energy'}], {allowRecursive: true});
		const ids = made.slice(0, 250).map((r) => r.id);

		assert.deepStrictEqual([made.length, made[249].success, made[250].success], [251, true, false]);
		assert.strictEqual(made[250].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
		assert.strictEqual((await conn.sobject('Account').retrieve(ids, {allowRecursive: true}))[249].Name, 'c249');
		const changed = await conn.sobject('Account').update(ids.map((Id) => ({Id, Phone: '1'})), {allowRecursive: true});
		assert.ok(changed.every((r) => r.success));
		const again = await conn.sobject('Account').upsert([{Ext_Id__c: 'c0', Name: 'new'}, {Ext_Id__c: 'c-new', Name: 'n'}], 'Ext_Id__c');
		assert.deepStrictEqual(again.map((r) => r.created), [false, true]);
		const gone = await conn.sobject('Account').destroy(ids, {allowRecursive: true});
		assert.ok(gone.length === 250 && gone.every((r) => r.success));
		const rolled = await conn.sobject('Account').create([{Name: 'x'}, {}], {allOrNone: true});
		assert.strictEqual(rolled[0].errors[0].statusCode, 'ALL_OR_NONE_OPERATION_ROLLED_BACK');
	},

	async 'query with pages'() {
		await admin('POST', 'reset');
		await admin('POST', 'generate', {object: 'Lead', count: 4500});
		const first = await conn.query('SELECT Id FROM Lead');
		const second = await conn.queryMore(first.nextRecordsUrl);
		const all = await conn.query('SELECT Id, Name, CreatedDate FROM Lead', {autoFetch: true, maxFetch: 10000});

		assert.deepStrictEqual([first.totalSize, first.done, first.records.length], [4500, false, 2000]);
		assert.strictEqual(second.records.length, 2000);
		assert.strictEqual(new Set(all.records.map((r) => r.Id)).size, 4500);
		assert.strictEqual((await conn.query('SELECT COUNT() FROM Lead')).totalSize, 4500);
	},

	async 'sub-queries and deleted records'() {
		const a = (await conn.sobject('Account').create({Name: 'p'})).id;
		const k = await conn.sobject('Contact').create([{LastName: 'k', AccountId: a}, {LastName: 'l', AccountId: a}]);
		const rows = await conn.query('SELECT Name, (SELECT LastName FROM Contacts) FROM Account', {scanAll: true});

		assert.strictEqual(rows.records[0].Contacts.records.length, 2);
		await conn.sobject('Contact').destroy(k[0].id);
		const all = await conn.query('SELECT Id FROM Contact WHERE IsDeleted = true', {scanAll: true});
		assert.strictEqual(all.records[0].Id, k[0].id);
	},

	async 'updated and deleted'() {
		const now = Date.now(), from = new Date(now - 600000), to = new Date(now + 120000);
		const updated = await conn.sobject('Account').updated(from, to), gone = await conn.sobject('Contact').deleted(from, to);

		assert.ok(updated.ids.length > 0 && updated.latestDateCovered);
		assert.strictEqual(gone.deletedRecords.length, 1);
	},

	async 'limits'() {
		const limits = await conn.limits();

		assert.ok(limits.DailyApiRequests.Max > limits.DailyApiRequests.Remaining);
		assert.deepStrictEqual(Object.keys(limits.DailyBulkApiBatches), ['Max', 'Remaining']);
		assert.strictEqual(conn.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
	},

	async 'composite'() {
		const body = {compositeRequest: [
			{method: 'POST', url: '/services/data/v60.0/sobjects/Account', referenceId: 'a', body: {Name: 'ref'}},
			{method: 'POST', url: '/services/data/v60.0/sobjects/Contact', referenceId: 'k', body: {LastName: 'r', AccountId: '@{a.id}'}}]};
		const reply = await conn.requestPost('/services/data/v60.0/composite', body);

		assert.deepStrictEqual(reply.compositeResponse.map((r) => r.httpStatusCode), [201, 201]);
	},

	async 'bulk ingest'() {
		await admin('POST', 'reset');
		conn.bulk2.pollInterval = 20;
		const load = (operation, input, more) => conn.bulk2.loadAndWaitForResults({object: 'Account', operation, input, ...more});
		const rows = range(500).map((i) => ({Name: `b "${i}",\n`, Ext_Id__c: `b${i}`, Description: 'ä'.repeat(i)}));
		const made = await load('insert', [...rows, {Name: '', Ext_Id__c: 'bad', Description: ''}]);

		assert.deepStrictEqual([made.successfulResults.length, made.failedResults.length, made.unprocessedRecords.length], [500, 1, 0]);
		assert.match(made.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:.*:Name --$/);
		const ids = made.successfulResults.map((r) => ({Id: r.sf__Id}));
		const again = await load('upsert', [{Ext_Id__c: 'b1', Name: 'new'}, {Ext_Id__c: 'b-new', Name: 'n'}], {externalIdFieldName: 'Ext_Id__c'});
		assert.deepStrictEqual(again.successfulResults.map((r) => r.sf__Created).sort(), ['false', 'true']);
		assert.strictEqual((await load('update', ids.map(({Id}) => ({Id, Phone: '#N/A'})))).successfulResults.length, 500);
		assert.strictEqual((await load('delete', ids)).successfulResults.length, 500);
		assert.strictEqual((await admin('GET', 'count')).Account, 1);
	},

	async 'bulk job by hand'() {
		const job = conn.bulk2.createJob({object: 'Account', operation: 'insert', lineEnding: 'LF'});

		await job.open();
		await job.uploadData('Name\nby hand\n');
		await job.close();
		await job.poll(20, 10000);
		const info = await job.check();
		assert.deepStrictEqual([info.state, info.numberRecordsProcessed, info.apiVersion], ['JobComplete', 1, 60]);
		await job.delete();
		const open = conn.bulk2.createJob({object: 'Account', operation: 'insert'});
		await open.open();
		await open.abort();
		assert.strictEqual((await open.check()).state, 'Aborted');
	},

	async 'bulk query'() {
		await admin('POST', 'generate', {object: 'Contact', count: 3000});
		const rows = await (await conn.bulk2.query('SELECT Id, LastName, Account.Name FROM Contact', {pollInterval: 20})).toArray();

		assert.strictEqual(new Set(rows.map((r) => r.Id)).size, 3000);
		await assert.rejects(conn.bulk2.query('SELECT COUNT() FROM Contact'));
	},
};

async function main() {
	let n = 0, failed = 0;

	for (const [name, test] of Object.entries(tests)) {
		n++;
		try {
			await test();
			console.log(`ok ${n} - jsforce: ${name}`);
		} catch (e) {
			failed++;
			console.log(`not ok ${n} - jsforce: ${name}\n${String(e.stack).replace(/^/gm, '# ')}`);
		}
	}
	console.log(`1..${n}`);
	process.exit(failed ? 1 : 0);
}

main();
