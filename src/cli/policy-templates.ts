/** The policies that `vernier init` writes: commented, valid, without warnings. */
export const POLICY_TEMPLATES: Readonly<Record<string, string>> = {
  web: `# Capacity of a web service. \`vernier check\` reports mistakes with their place;
# \`vernier simulate --trace requests.csv\` shows what this policy would have done.
version: 1

workloads:
  # <namespace>/<name>
  shop/web:
    # How costly losing a unit is: stateless, stateful, cache or quorum.
    # Decides how much may be removed in ten minutes (stateless 50 %, all others 5 %).
    kind: stateless

    # Never less, never more. Required, so that nobody gets a default by accident.
    bounds: {min: 2, max: 100}

    unit:
      # What one unit serves at 100 %. Measure it with a load test; until then a
      # simulation lays the peak of the recording at 80 % of max, and says so.
      # serves: {rate: 120/s}
      startup: 60s          # from request to ready, billed
      drain: 30s            # from removal to gone, billed
      price: 0.096 USD/h
      # serviceTime: 50ms   # time for one request alone: adds latency to the results

    metrics:
      # Readings are means over \`window\` and can be read \`lag\` later.
      cpu: {measures: utilisation, window: 30s, lag: 15s}

    strategies:
      # ceil(busy units / target), held while within 5 % of it.
      - type: targetTracking
        metric: cpu
        target: 70%

    objectives:
      # Above the band is a miss; below it is waste, shown in units and money.
      - name: utilisation
        band: {metric: cpu, from: 60%, to: 80%}
        minimum: 95%
        aspiration: 99%

    # Guards have defaults (docs/stages.md); write only what differs, for example:
    # guards:
    #   down: {window: 10m}
    #   whenBlind: {grow: 25%}
`,
  worker: `# Capacity of background workers: slower to start, not waited for by people.
version: 1

workloads:
  jobs/worker:
    kind: stateless
    bounds: {min: 2, max: 50}

    unit:
      # serves: {rate: 10/s}   # jobs one worker finishes in a second, when known
      startup: 2m
      drain: 2m                # let running jobs finish
      minimumBilling: 60s
      price: 0.048 USD/h

    metrics:
      busy: {measures: utilisation, window: 1m, lag: 15s}

    strategies:
      # Jobs can wait a little: run hotter than a web service, in tiers.
      # At this share of busy workers or above, add so many (or 10%); below, remove.
      - type: tiers
        metric: busy
        up:
          - {at: 75%, add: 1}
          - {at: 85%, add: 2}
          - {at: 95%, add: 4}
        down:
          - {below: 60%, remove: 1}

    objectives:
      - name: utilisation
        band: {metric: busy, from: 60%, to: 90%}
        minimum: 95%

    guards:
      down: {window: 10m}
`,
  static: `# A fleet of constant size: nothing is ever changed. A simulation shows what that
# costs and where it is short, to compare a policy with.
version: 1

workloads:
  shop/fixed:
    kind: stateless
    bounds: {min: 20, max: 20}

    unit:
      startup: 60s
      price: 0.096 USD/h

    metrics:
      cpu: {measures: utilisation}

    strategies:
      # What it would want is still computed, and held by the bounds.
      - {type: targetTracking, metric: cpu, target: 70%}

    objectives:
      - name: utilisation
        band: {metric: cpu, from: 60%, to: 80%}
        minimum: 95%
`,
};
