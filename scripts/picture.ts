import { writeFileSync } from "node:fs";
import { pictureOfMatchDays } from "./match-days-picture.ts";

// The README's picture, drawn from a run; test/docs.test.ts checks that it is current.
writeFileSync("docs/match-days.svg", await pictureOfMatchDays());
