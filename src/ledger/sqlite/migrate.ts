import type { DatabaseSync } from "@photostructure/sqlite";
import { MIGRATIONS } from "./schema.ts";

/** A store of a later version than this program knows. */
export class StoreTooNew extends Error {
  constructor(place: string, found: number) {
    super(`${place} was written by a later version (format ${found}, this one knows ${MIGRATIONS.length}): install that version, or restore a backup`);
    this.name = "StoreTooNew";
  }
}

/** A store of an earlier version, opened for reading by what would have to change it first. */
export class StoreTooOld extends Error {
  constructor(place: string, found: number) {
    super(
      `${place} was written by an earlier version (format ${found}, this one knows ${MIGRATIONS.length}): the next vernier run brings it up to date; make a backup first`,
    );
    this.name = "StoreTooOld";
  }
}

/** Format of a database; 0 for one that was never written. @throws StoreTooNew */
export function versionOf(database: InstanceType<typeof DatabaseSync>, place: string, latest = MIGRATIONS.length): number {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > latest) throw new StoreTooNew(place, version);
  return version;
}

/** Brings an older database to today's form, one version after the other, each whole or not at all. @throws StoreTooNew */
export function migrate(database: InstanceType<typeof DatabaseSync>, folder: string, migrations: readonly string[]): void {
  for (let version = versionOf(database, folder, migrations.length); version < migrations.length; version++)
    try {
      database.exec(`BEGIN IMMEDIATE; ${migrations[version]}; PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      // Closing does not end a transaction while a statement waits to be collected.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
}
