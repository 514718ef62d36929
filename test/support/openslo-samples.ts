/** One of every kind, with fields that only others read. */
export const SAMPLE = `apiVersion: openslo/v1
kind: DataSource
metadata:
  name: prom
  displayName: Prometheus of the shop
spec:
  type: Prometheus
  connectionDetails:
    url: https://prometheus.shop.example
    x-scope: shop
---
apiVersion: openslo/v1
kind: Service
metadata:
  name: basket
  labels: {tier: "1", teams: [web, data]}
spec:
  description: Keeps what people mean to buy.
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: basket-errors}
spec:
  ratioMetric:
    counter: true
    bad: {metricSource: {metricSourceRef: prom, spec: {query: 'sum(rate(http_errors_total[5m]))'}}}
    total: {metricSource: {metricSourceRef: prom, spec: {query: 'sum(rate(http_requests_total[5m]))'}}}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: basket-availability
  annotations: {example.com/dashboard: "https://grafana.shop.example/d/1"}
spec:
  service: basket
  owner: web
  indicatorRef: basket-errors
  timeWindow:
    - duration: 1M
      calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}
      isRolling: false
  budgetingMethod: Occurrences
  objectives:
    - displayName: minimum
      targetPercent: 99.9
    - displayName: aspirational
      target: 0.9995
  alertPolicies:
    - alertPolicyRef: basket-burn
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: basket-latency}
spec:
  service: basket
  indicator:
    metadata: {name: basket-p99-ms}
    spec:
      thresholdMetric: {metricSource: {type: Prometheus, spec: {query: basket_p99_ms}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Timeslices
  objectives:
    - {op: lt, value: 250, target: 0.95, timeSliceTarget: 0.9, timeSliceWindow: 1m}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: basket-burn}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: basket-fast}]
  notificationTargets: [{targetRef: on-call}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: basket-fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: on-call}
spec: {target: pager}
`;
