import { expect, test } from "vitest";
import { EndpointPublisher } from "./endpoint-publisher.ts";

test("a list without a file is for whoever asks, with a version that grows with each change", () => {
  const publisher = new EndpointPublisher(undefined, {}, { say: () => {}, onPublished: () => {} });
  const one = { unit: 1, host: "127.0.0.1", port: 9_000 } as const;
  expect(publisher.published).toEqual({ version: 0, endpoints: [] });
  publisher.want([one]);
  publisher.want([{ ...one }]);
  expect(publisher.published).toEqual({ version: 1, endpoints: [one] });
  publisher.want([]);
  expect(publisher.published).toEqual({ version: 2, endpoints: [] });
  // Nobody was told, so nobody has to be waited for.
  expect(publisher.isWithout(1)).toBe(true);
});
