/** What each version of the database adds to the one before it; the first makes a new one. Never changed once released. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE entries (
     shard INTEGER NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, workload TEXT, kind TEXT NOT NULL, text TEXT NOT NULL,
     PRIMARY KEY (shard, seq)) STRICT, WITHOUT ROWID;
   CREATE INDEX entries_by_workload ON entries (workload, shard, seq) WHERE workload IS NOT NULL;
   CREATE TABLE intents (
     id TEXT PRIMARY KEY, shard INTEGER NOT NULL, seq INTEGER NOT NULL, workload TEXT NOT NULL, text TEXT NOT NULL, outcome TEXT) STRICT;
   CREATE INDEX intents_open ON intents (shard, seq) WHERE outcome IS NULL OR outcome = 'unknown';
   CREATE TABLE checkpoints (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT;
   CREATE TABLE observations (shard INTEGER NOT NULL, at_ms INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (shard, at_ms)) STRICT, WITHOUT ROWID;
   CREATE TABLE policies (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
   CREATE TABLE snapshots (workload TEXT NOT NULL, at_ms INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (workload, at_ms)) STRICT, WITHOUT ROWID;`,
  "CREATE TABLE orders (workload TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;",
];
