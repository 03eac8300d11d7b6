/* The Salesforce CLI and SFDMU against two simulated orgs; prints TAP. Run in an empty folder, which is HOME too. */
import assert from 'node:assert';
import {execFile} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {promisify} from 'node:util';

const {SRC_URL, SRC_TOKEN, DST_URL, DST_TOKEN, CLI_ROOT} = process.env;
const BIN = `${CLI_ROOT}/node_modules/.bin/sf`;
const {Config} = createRequire(`${CLI_ROOT}/package.json`)('@oclif/core');
const config = await Config.load({root: `${CLI_ROOT}/node_modules/@salesforce/cli`});
const range = (n) => [...Array(n).keys()];
const say = process.stdout.write.bind(process.stdout);

/* a program of its own takes seconds to start: one command each way by the program, the rest of them in this process */
async function program(...argv) {
	return (await promisify(execFile)(BIN, argv, {timeout: 120000, maxBuffer: 1 << 26})).stdout;
}

/* a command's result; what it prints goes nowhere */
async function sf(line, ...more) {
	const [id, ...argv] = line.split(' ');

	process.stdout.write = () => true;
	try {
		return await config.runCommand(id, [...argv, ...more, '--json']);
	} finally {
		process.stdout.write = say;
		process.exitCode = 0;
	}
}

async function admin(url, method, what, body) {
	const reply = await fetch(`${url}/__sim/${what}`, {method, body: body && JSON.stringify(body)});

	assert.strictEqual(reply.status, 200);
	return reply.json();
}

const soql = (q) => sf('data:query -o src', '-q', q);
const bulk = (what, file, ...more) => sf(`data:${what}:bulk -o src -s Account -w 2 --line-ending LF -f ${file}`, ...more);

const tests = {
	async 'login by access token'() {
		process.env.SF_ACCESS_TOKEN = DST_TOKEN;
		await program('org', 'login', 'access-token', '--instance-url', DST_URL, '--no-prompt', '--alias', 'dst');
		process.env.SF_ACCESS_TOKEN = SRC_TOKEN; /* this process reads what there is once, now */
		await sf(`org:login:access-token --instance-url ${SRC_URL} --no-prompt --alias src`);
		assert.strictEqual((await sf('org:display -o dst')).username, 'admin@dst.example');
		assert.strictEqual((await sf('org:display -o src')).connectedStatus, 'Connected');
	},

	async 'describe'() {
		const names = await sf('sobject:list -o src -s all'), account = await sf('sobject:describe -o src -s Account');

		assert.ok(names.includes('Account') && names.includes('Ledger__c'));
		assert.ok(account.fields.some((f) => f.name === 'Ext_Id__c' && f.externalId));
		await assert.rejects(sf('sobject:describe -o src -s Nope'));
	},

	async 'one record'() {
		const made = await sf('data:create:record -o src -s Account', '-v', "Name='one two' Ext_Id__c=e1");

		assert.strictEqual(made.success, true);
		await sf('data:update:record -o src -s Account -w Ext_Id__c=e1 -v Name=new');
		assert.strictEqual((await sf(`data:get:record -o src -s Account -i ${made.id}`)).Name, 'new');
		await sf(`data:delete:record -o src -s Account -i ${made.id}`);
		await assert.rejects(sf(`data:get:record -o src -s Account -i ${made.id}`), /deleted/);
		await assert.rejects(sf('data:create:record -o src -s Account -v Phone=1'), /Required fields are missing/);
	},

	async 'import and export of trees'() {
		const record = (type, referenceId, fields) => ({attributes: {type, referenceId}, ...fields});

		fs.writeFileSync('tree.json', JSON.stringify({records: [record('Account', 'A', {Name: 't', Contacts: {records: [
			record('Contact', 'K1', {LastName: 'k'}), record('Contact', 'K2', {LastName: 'l'})]}})]}));
		assert.strictEqual((await sf('data:import:tree -o src -f tree.json')).length, 3);
		await sf('data:export:tree -o src -d .', '-q', 'SELECT Name, (SELECT LastName FROM Contacts) FROM Account');
		const text = fs.readdirSync('.').filter((f) => f.startsWith('Account')).map((f) => fs.readFileSync(f, 'utf8')).join();
		assert.match(text, /"LastName": *"l"/);
	},

	async 'queries'() {
		const parents = await soql('SELECT Name, Owner.Username, (SELECT LastName FROM Contacts) FROM Account');

		assert.strictEqual(parents.records[0].Owner.Username, 'admin@src.example');
		assert.strictEqual(parents.records[0].Contacts.totalSize, 2);
		assert.strictEqual((await soql('SELECT COUNT(Id) CNT FROM Contact')).records[0].CNT, 2);
		assert.strictEqual((await soql('SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName')).records.length, 2);
		await assert.rejects(soql('SELECT Nope FROM Account'), /No such column/);
		const csv = await program('data', 'query', '-o', 'src', '-q', 'SELECT LastName, Account.Name FROM Contact ORDER BY LastName', '-r', 'csv');
		assert.strictEqual(csv.trim(), 'LastName,Account.Name\nk,t\nl,t');
	},

	async 'queries with pages'() {
		await admin(SRC_URL, 'POST', 'generate', {object: 'Lead', count: 4500});
		const all = await soql('SELECT Id FROM Lead');

		assert.strictEqual(new Set(all.records.map((r) => r.Id)).size, 4500);
	},

	async 'bulk ingest'() {
		await admin(SRC_URL, 'POST', 'reset');
		fs.writeFileSync('in.csv', `Name,Ext_Id__c\n${range(300).map((i) => `n${i},k${i}\n`).join('')}`);
		assert.strictEqual((await bulk('import', 'in.csv')).successfulRecords, 300);
		assert.strictEqual((await bulk('upsert', 'in.csv', '-i', 'Ext_Id__c')).jobInfo.numberRecordsProcessed, 300);
		const ids = (await soql('SELECT Id FROM Account')).records.map((r) => r.Id);
		assert.strictEqual(ids.length, 300);
		fs.writeFileSync('change.csv', `Id,Phone\n${ids.map((id) => `${id},1\n`).join('')}`);
		assert.strictEqual((await bulk('update', 'change.csv')).successfulRecords, 300);
		fs.writeFileSync('gone.csv', `Id\n${ids.map((id) => `${id}\n`).join('')}`);
		assert.strictEqual((await bulk('delete', 'gone.csv')).jobInfo.numberRecordsFailed, 0);
		fs.writeFileSync('bad.csv', 'Name,Foo\nx,y\n');
		await assert.rejects(bulk('import', 'bad.csv'), /Foo|failed/i);
	},

	async 'bulk query'() {
		await admin(SRC_URL, 'POST', 'generate', {object: 'Contact', count: 3000});
		await admin(SRC_URL, 'POST', 'settings', {resultRows: 700});
		await sf('data:export:bulk -o src -w 2 -r csv --output-file out.csv', '-q', 'SELECT Id, LastName FROM Contact');
		await admin(SRC_URL, 'POST', 'settings', {resultRows: 0});
		const rows = fs.readFileSync('out.csv', 'utf8').trim().split('\n').slice(1);
		assert.deepStrictEqual([rows.length, new Set(rows).size], [3000, 3000]);
	},

	async 'limits'() {
		const limits = await sf('org:list:limits -o src'), counts = await sf('org:list:sobject:record-counts -o src -s Contact');

		assert.ok(limits.some((l) => l.name === 'DailyBulkApiBatches' && l.remaining < l.max));
		assert.deepStrictEqual(counts, [{name: 'Contact', count: 3000}]);
	},

	async 'SFDMU moves accounts and their contacts'() {
		await admin(SRC_URL, 'POST', 'reset');
		for (const [object, more] of [['Account', {}], ['Contact', {parent: 'Account'}]])
			await admin(SRC_URL, 'POST', 'generate', {object, count: 250, ...more});
		const objects = [['Account', ''], ['Contact', ', AccountId']].map(([name, fields]) => ({
			query: `SELECT Ext_Id__c, ${name === 'Account' ? 'Name' : 'LastName'}${fields} FROM ${name}`,
			operation: 'Upsert', externalId: 'Ext_Id__c', allOrNone: false}));
		const orgs = [{name: 'src', instanceUrl: SRC_URL, accessToken: SRC_TOKEN}, {name: 'dst', instanceUrl: DST_URL, accessToken: DST_TOKEN}];
		fs.mkdirSync('move');
		await program('plugins', 'link', `${CLI_ROOT}/node_modules/sfdmu`, '--no-install');
		for (const extra of [{bulkThreshold: 10000}, {bulkThreshold: 100, bulkApiVersion: '2.0'}]) {
			fs.writeFileSync('move/export.json', JSON.stringify({orgs, objects, ...extra}));
			await admin(DST_URL, 'POST', 'reset');
			await admin(DST_URL, 'DELETE', 'stats');
			await program('sfdmu', 'run', '-p', 'move', '-s', 'src', '-u', 'dst', '--noprompt');
			const jobs = (await admin(DST_URL, 'GET', 'stats')).byCall['POST jobs/ingest'] ?? 0;
			assert.strictEqual(jobs, extra.bulkApiVersion ? 2 : 0);
			const moved = await sf('data:query -o dst', '-q', 'SELECT Ext_Id__c, Account.Ext_Id__c FROM Contact ORDER BY Ext_Id__c');
			const there = await soql('SELECT Ext_Id__c, Account.Ext_Id__c FROM Contact ORDER BY Ext_Id__c');
			const pairs = (r) => r.records.map((c) => `${c.Ext_Id__c} ${c.Account?.Ext_Id__c}`);
			assert.strictEqual(moved.totalSize, 250);
			assert.deepStrictEqual(pairs(moved), pairs(there));
		}
	},
};

let n = 0, failed = 0;

for (const [name, test] of Object.entries(tests)) {
	n++;
	try {
		await test();
		say(`ok ${n} - cli: ${name}\n`);
	} catch (e) {
		failed++;
		say(`not ok ${n} - cli: ${name}\n${String(`${e.stack}\n${e.stdout ?? ''}${e.stderr ?? ''}`).replace(/^/gm, '# ')}\n`);
	}
}
say(`1..${n}\n`);
process.exit(failed ? 1 : 0);
