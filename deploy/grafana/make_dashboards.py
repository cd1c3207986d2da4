#!/usr/bin/env python3
"""Writes the Grafana dashboards in dashboards/ from the panels in this file.

    deploy/grafana/make_dashboards.py            writes dashboards/*.json
    deploy/grafana/make_dashboards.py --check    exits with 1 where a file there differs from the panels here

A dashboard is rows of panels, a panel is a title, its queries and its unit. Everything else (ids, positions, variables, data
source) is added here, so that two panels cannot overlap and each query is limited to the chosen job and instances. Only metrics
of docs/METRICS.md are used: the dashboards need no recording rule. The queries are PromQL with Grafana's $__rate_interval.
"""
import argparse
import dataclasses
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
GRID_WIDTH = 24
SCHEMA_VERSION = 39  # Grafana 10.4; newer ones convert it when they load it
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTOR = 'job=~"$job", instance=~"$instance"'
EMBED_ROUTES = 'route=~".*/(embed(ding|dings|_all|_sparse)?|infer|Embed|ModelInfer|rerank|score|predict|pooling|classify)|/similarity|/vectors"'  # of all dialects

GREEN, YELLOW, RED = "green", "yellow", "red"
BREAKER_STATES = {0: ("closed", GREEN), 1: ("half-open", YELLOW), 2: ("open", RED), 3: ("forced open", RED),
                  4: ("disabled", "blue"), 5: ("metrics only", "blue")}
CERTIFICATE_S = {0: RED, 3 * 86400: YELLOW, 21 * 86400: GREEN}
READY_STATES = {0: ("not ready", RED), 1: ("ready", GREEN)}
LIVE_STATES = {0: ("stuck", RED), 1: ("alive", GREEN)}


# Queries

def series(name, more=""):
    """The series of a metric of the chosen instances."""
    return f"{name}{{{SELECTOR}{', ' + more if more else ''}}}"


def rate(name, more=""):
    return f"rate({series(name, more)}[$__rate_interval])"


def total(expression, by=""):
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def highest(expression, by="instance"):
    return f"max by ({by}) ({expression})"


def quantile(share, name, more=""):
    return f"histogram_quantile({share}, {total(rate(name + '_bucket', more), 'le')})"


def mean(name):
    return ratio(total(rate(name + "_sum")), total(rate(name + "_count")))


def ratio(part, whole):
    """part / whole, and 0 where the whole is 0: an idle service is no gap in the graph."""
    return f"{part} / clamp_min({whole}, 1e-9)"


@dataclasses.dataclass
class Query:
    expression: str
    legend: str = ""
    exemplars: bool = False


def percentiles(name, exemplars=False, more=""):
    return [Query(quantile(share, name, more), legend, exemplars and share == 0.95)
            for share, legend in ((0.5, "median"), (0.95, "95th percentile"), (0.99, "99th percentile"))]


# Panels

@dataclasses.dataclass
class Panel:
    """width and height are in cells of Grafana's grid, which is 24 wide. thresholds: {lowest value: color}, without the
    base's, which is green."""
    title: str
    queries: list
    description: str
    unit: str = "short"
    width: int = 8
    height: int = 8
    thresholds: dict = dataclasses.field(default_factory=dict)
    maximum: float | None = None
    kind = "timeseries"

    def targets(self):
        return [{"refId": chr(ord("A") + number), "datasource": DATASOURCE, "editorMode": "code", "expr": query.expression,
                 "legendFormat": query.legend or "__auto", "range": True, "instant": False, "exemplar": query.exemplars}
                for number, query in enumerate(self.queries)]

    def defaults(self):
        steps = [{"color": GREEN, "value": None}]
        steps += [{"color": color, "value": value} for value, color in self.thresholds.items()]
        found = {"unit": self.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}, "mappings": []}
        if self.maximum is not None:
            found["max"] = self.maximum
        return found

    def options(self):
        return {}

    def as_json(self, number, x, y):
        return {"id": number, "type": self.kind, "title": self.title, "description": self.description,
                "datasource": DATASOURCE, "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
                "targets": self.targets(), "fieldConfig": {"defaults": self.defaults(), "overrides": []},
                "options": self.options()}


@dataclasses.dataclass
class Graph(Panel):
    """Lines over time. Thresholds are drawn as dashed lines."""
    stacked: bool = False

    def defaults(self):
        return super().defaults() | {
            "color": {"mode": "palette-classic"},
            "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if self.stacked else 8, "showPoints": "never",
                       "spanNulls": False, "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                       "thresholdsStyle": {"mode": "dashed" if self.thresholds else "off"}}}

    def options(self):
        return {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"]},
                "tooltip": {"mode": "multi", "sort": "desc"}}


@dataclasses.dataclass
class Number(Panel):
    """The latest value in large, with its course behind it."""
    width: int = 4
    height: int = 4
    mappings: dict = dataclasses.field(default_factory=dict)
    kind = "stat"

    def defaults(self):
        return super().defaults() | {"color": {"mode": "thresholds"}, "mappings": value_mappings(self.mappings)}

    def options(self):
        return {"colorMode": "value", "graphMode": "none" if self.mappings else "area", "justifyMode": "auto",
                "textMode": "auto", "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}


@dataclasses.dataclass
class States(Panel):
    """Bands of color over time, one for each series: for metrics whose values are states."""
    mappings: dict = dataclasses.field(default_factory=dict)
    kind = "state-timeline"

    def defaults(self):
        return super().defaults() | {"color": {"mode": "thresholds"}, "mappings": value_mappings(self.mappings),
                                     "custom": {"lineWidth": 0, "fillOpacity": 70}}

    def options(self):
        return {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "single", "sort": "none"}}


@dataclasses.dataclass
class Heatmap(Panel):
    """How many observations fell into each bucket of a histogram, over time."""
    kind = "heatmap"

    def targets(self):
        return [target | {"format": "heatmap", "legendFormat": "{{le}}"} for target in super().targets()]

    def defaults(self):
        return {"custom": {"scaleDistribution": {"type": "linear"}}}

    def options(self):
        return {"calculate": False, "cellGap": 1, "cellValues": {"unit": "cps"},
                "color": {"mode": "scheme", "scheme": "Blues", "exponent": 0.5, "steps": 64, "reverse": False, "fill": "dark-blue"},
                "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
                "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "tooltip": {"mode": "single", "yHistogram": False},
                "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit}}


@dataclasses.dataclass
class Table(Panel):
    """The labels of the latest series as rows. columns: {label: heading}, in their order."""
    columns: dict = dataclasses.field(default_factory=dict)
    kind = "table"

    def targets(self):
        return [target | {"format": "table", "instant": True, "range": False} for target in super().targets()]

    def defaults(self):
        return {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}}

    def options(self):
        return {"showHeader": True, "cellHeight": "sm"}

    def as_json(self, number, x, y):
        arrange = {"excludeByName": {"Time": True, "Value": True, "__name__": True}, "renameByName": self.columns,
                   "indexByName": {label: index for index, label in enumerate(self.columns)}}
        return super().as_json(number, x, y) | {"transformations": [{"id": "organize", "options": arrange}]}


def value_mappings(states):
    """states: {value: (text, color)}."""
    if not states:
        return []
    return [{"type": "value", "options": {str(value): {"text": text, "color": color, "index": index}
                                          for index, (value, (text, color)) in enumerate(states.items())}}]


def heatmap(title, name, description, unit="short", more="", exemplars=False, **size):
    return Heatmap(title, [Query(total(rate(name + "_bucket", more), "le"), exemplars=exemplars)], description, unit, **size)


# Dashboards

@dataclasses.dataclass
class Dashboard:
    """rows: {title: panels}. Panels are set from left to right, and on a new line where the next one does not fit."""
    name: str
    title: str
    description: str
    rows: dict


SUCCESS = 'status="success"'
FAILED_BY_SERVICE = total(rate("akidb_embed_http_requests_total", f'{EMBED_ROUTES}, code="5xx"'))
# As the alerts count it: requests that are wrong, refused because of the load or left by their clients are in neither number.
AVAILABILITY_TOTAL = total(rate("akidb_embed_http_requests_total", f'{EMBED_ROUTES}, code=~"2xx|5xx"'))
DURATION = "candle_request_duration_seconds"

OVERVIEW = Dashboard("overview", "akidb-embed: overview", "Rate, errors and duration of embedding requests, and how full the service is.", {
    "Now": [
        Number("Instances", [Query(f"count({series('akidb_embed_build_info')})", "scraped"),
                             Query(f"sum({series('akidb_embed_ready')})", "ready")],
               "Instances that Prometheus scrapes, and those of them that are ready. One that does not answer is not counted."),
        Number("Requests", [Query(total(rate("candle_requests_total")))], "Embedding requests received per second.", "reqps"),
        Number("Failed by the service", [Query(ratio(FAILED_BY_SERVICE, AVAILABILITY_TOTAL))],
               "Share of 5xx among embedding requests answered with 2xx or 5xx. The objective is 99.9 %: at 0.1 % the error budget "
               "of 30 days lasts 30 days, at 1.44 % two.", "percentunit", thresholds={0.001: YELLOW, 0.0144: RED}),
        Number("95th percentile", [Query(quantile(0.95, DURATION, SUCCESS))],
               "95 of 100 successful requests took less than this. The aim is 35 ms at 200 requests per second.", "s",
               thresholds={0.035: YELLOW, 0.1: RED}),
        Number("Oldest waiting request", [Query(f"max({series('akidb_embed_queue_age_seconds')})")],
               "Age of the request that has waited longest. --max-queue-wait refuses what would wait for longer than 2 s.", "s",
               thresholds={0.2: YELLOW, 2: RED}),
        Number("Breaker of the best device", [Query(f"max({series('candle_circuit_breaker_state')})")],
               "Worst state among the instances. While it is open, requests are served by the next device or refused.",
               mappings={value: BREAKER_STATES[value] for value in (0, 1, 2)}, thresholds={1: YELLOW, 2: RED}),
    ],
    "Rate": [
        Graph("Requests by instance", [Query(total(rate("candle_requests_total"), "instance"), "{{instance}}")],
              "Embedding requests received per second. Unequal lines mean unequal load balancing.", "reqps", stacked=True),
        Graph("Replies by class of status", [Query(total(rate("akidb_embed_http_requests_total", EMBED_ROUTES), "code"), "{{code}}")],
              "Replies of the embedding route. aborted: the client left before its reply.", "reqps", stacked=True),
        Graph("Texts and tokens", [Query(total(rate("akidb_embed_texts_total")), "texts"),
                                   Query(total(rate("akidb_embed_tokens_total")), "tokens")],
              "Texts turned into vectors, and their tokens, per second. Tokens measure the work.", "cps"),
    ],
    "Errors": [
        Graph("Share that fails", [
            Query(ratio(total(rate("candle_errors_total")), total(rate("candle_requests_total"))), "not answered with vectors"),
            Query(ratio(FAILED_BY_SERVICE, AVAILABILITY_TOTAL), "5xx")],
              "The first line has every reason, clients' mistakes and clients that left included; the second is what counts against "
              "the objective: 5xx among 2xx and 5xx.", "percentunit", thresholds={0.0144: RED}),
        Graph("Errors by code", [Query(total(rate("akidb_embed_errors_total"), "code") + " > 0", "{{code}}")],
              "Error replies per second by the code in their body, on any route. docs/API.md explains each code. Empty without errors.",
              "reqps"),
        Graph("Refused because of the load", [
            Query(total(rate("akidb_embed_rejected_total"), "reason"), "{{reason}}"),
            Query(total(rate("akidb_embed_connections_refused_total")), "connection refused")],
              "Requests answered with 429 by what was exhausted, and connections beyond --max-connections.", "reqps", stacked=True),
    ],
    "Duration": [
        Graph("Duration of successful requests", percentiles(DURATION, exemplars=True, more=SUCCESS),
              "From a request's headers to its reply. The points are exemplars: each links to the trace of one request.", "s",
              thresholds={0.035: YELLOW}),
        Graph("Share slower than 35 ms", [Query(f"1 - {ratio(total(rate('akidb_embed_requests_within_objective_total')), total(rate(DURATION + '_count', SUCCESS)))}",
                                                "slower")],
              "Of the successful requests. The objective is at most 5 %. 1 where there are none.", "percentunit", maximum=1,
              thresholds={0.05: RED}),
        heatmap("Distribution of durations", DURATION, "Successful requests per second in each bucket.", "s", SUCCESS, exemplars=True),
        Graph("95th percentile of the parts", [
            Query(quantile(0.95, DURATION, SUCCESS), "whole request"),
            Query(quantile(0.95, "candle_batch_wait_seconds"), "waiting for the first pass"),
            Query(quantile(0.95, "akidb_embed_tokenize_duration_seconds"), "tokenizing"),
            Query(quantile(0.95, "candle_model_inference_duration_seconds"), "one pass")],
              "Waiting grows while passes stay: more work than the machine does. Passes grow: something else uses the CPUs.", "s"),
    ],
    "Saturation": [
        Graph("In flight", [Query(total(series("candle_requests_in_flight"), "instance"), "{{instance}}")],
              "Embedding requests received and not yet answered."),
        Graph("Waiting tokens", [Query(total(series("akidb_embed_queue_tokens"), "class"), "{{class}}")],
              "Tokens that wait for a pass, by class.", stacked=True),
        Graph("CPUs in use", [Query(total(rate("process_cpu_seconds_total"), "instance"), "{{instance}}")],
              "User and system time per second. At the number of cores the instance is full.", "short"),
    ],
    "Builds": [
        Table("Versions", [Query(series("akidb_embed_build_info"))], "What each instance runs.", width=24, height=6,
              columns={"instance": "instance", "version": "version", "model": "model", "cpu_tier": "CPU tier",
                       "precision": "precision", "job": "job"}),
    ],
})

ENGINE = Dashboard("engine", "akidb-embed: batching and engine", "How requests become passes through the model, and what the passes cost.", {
    "Passes": [
        Graph("Passes", [Query(total(rate("candle_model_inference_duration_seconds_count"), "instance"), "{{instance}}")],
              "Passes through the model per second.", "ops"),
        Graph("Duration of a pass", percentiles("candle_model_inference_duration_seconds"),
              "Time of one pass through the model, of whatever size.", "s"),
        heatmap("Distribution of pass durations", "candle_model_inference_duration_seconds", "Passes per second in each bucket.", "s"),
    ],
    "Batches": [
        Graph("Texts in a pass", [Query(mean("candle_batch_size"), "mean"), *percentiles("candle_batch_size")],
              "Few texts in a pass are no fault: a free worker begins with what is there."),
        heatmap("Distribution of texts in a pass", "candle_batch_size", "Passes per second by their texts."),
        heatmap("Distribution of tokens in a pass", "akidb_embed_pass_tokens", "Passes per second by their tokens."),
        Graph("Tokens in a pass", [Query(mean("akidb_embed_pass_tokens"), "mean"), *percentiles("akidb_embed_pass_tokens")],
              "Tokens are what a pass costs."),
        Graph("Share of the token budget used", [Query(mean("akidb_embed_pass_fill_ratio"), "mean"),
                                                 Query(quantile(0.95, "akidb_embed_pass_fill_ratio"), "95th percentile")],
              "Near 1: passes are full, and the service works at its capacity.", "percentunit", maximum=1),
        Graph("Waiting for the first pass", percentiles("candle_batch_wait_seconds"), "Time that requests wait in the queue.", "s"),
    ],
    "Queue": [
        Graph("Waiting requests", [Query(total(series("akidb_embed_queue_requests"), "class"), "{{class}}")],
              "Requests that wait for their first pass. --max-queue-requests (4096) limits them.", stacked=True),
        Graph("Waiting tokens", [Query(total(series("akidb_embed_queue_tokens"), "class"), "{{class}}")],
              "Tokens that wait for a pass. --max-queue-tokens (1000000) limits them.", stacked=True),
        Graph("Age of the oldest request", [Query(highest(series("akidb_embed_queue_age_seconds"), "class"), "{{class}}")],
              "Interactive requests go first; bulk requests may wait while these come.", "s", thresholds={2: RED}),
    ],
    "Throughput": [
        Graph("Tokens by model", [Query(total(rate("akidb_embed_tokens_total"), "model"), "{{model}}")],
              "Tokens of texts turned into vectors, per second.", "cps", stacked=True),
        Graph("Texts by model", [Query(total(rate("akidb_embed_texts_total"), "model"), "{{model}}")],
              "Texts turned into vectors, per second.", "cps", stacked=True),
        Graph("Tokens per CPU second", [Query(ratio(total(rate("akidb_embed_tokens_total"), "instance"),
                                                    total(rate("process_cpu_seconds_total"), "instance")), "{{instance}}")],
              "Compare it with docs/BENCHMARKS.md for the same tier and precision. It falls when the instance shares its cores, and "
              "when little work comes.", "short"),
    ],
    "Tokenizer and cache": [
        Graph("Duration of tokenizing", percentiles("akidb_embed_tokenize_duration_seconds"), "For all texts of a request.", "s"),
        Graph("Texts cut", [Query(ratio(total(rate("akidb_embed_truncations_total")), total(rate("akidb_embed_texts_total"))), "share cut")],
              "Share of texts that were longer than the model's limit. Their vectors do not know their ends.", "percentunit"),
        Graph("Cache lookups", [Query(total(rate("akidb_embed_cache_lookups_total"), "result"), "{{result}}")],
              "Lookups of texts in the result cache (--cache-mb), per second.", "ops", stacked=True),
        Graph("Cache hits", [Query(ratio(total(rate("akidb_embed_cache_lookups_total", 'result="hit"')),
                                         total(rate("akidb_embed_cache_lookups_total"))), "share of hits")],
              "Share of lookups that found a result.", "percentunit", maximum=1),
        Graph("Memory of the cache", [Query(total(series("akidb_embed_cache_bytes"), "instance"), "{{instance}}")],
              "Bounded by --cache-mb.", "bytes"),
        Graph("Tokens not computed again", [Query(total(rate("akidb_embed_prefix_cache_saved_tokens_total"), "instance"), "{{instance}}")],
              "Tokens, per second, of instructions and other beginnings that texts of causal models share, which are computed once.", "cps"),
        Graph("Shared beginnings found", [Query(ratio(total(rate("akidb_embed_prefix_cache_lookups_total", 'result="hit"')),
                                                      total(rate("akidb_embed_prefix_cache_lookups_total"))), "share of texts")],
              "Share of the texts of causal models that began like one that is kept.", "percentunit", maximum=1),
        Graph("Shared beginnings computed", [Query(total(rate("akidb_embed_prefix_cache_computed_total"), "instance"), "{{instance}}")],
              "Each is one more pass. Many of them, and few found: --prefix-cache-mb (128) has no room for all.", "ops"),
        Graph("Memory of shared beginnings", [Query(total(series("akidb_embed_prefix_cache_bytes"), "instance"), "{{instance}}")],
              "Bounded by --prefix-cache-mb for each causal model.", "bytes"),
        Graph("Cached results dropped", [Query(total(rate("akidb_embed_cache_dropped_total"), "instance"), "{{instance}}")],
              "Results thrown away because their device was found to compute wrong vectors.", "ops", thresholds={1e-9: RED}),
    ],
    "Model and device": [
        Number("Time to load the model", [Query(ratio(highest(series("candle_model_load_duration_seconds_sum")),
                                                      highest(series("candle_model_load_duration_seconds_count"))), "{{instance}}")],
               "Mean over the loads of each instance, packing of weights included.", "s", width=8, height=6, thresholds={10: YELLOW}),
        Graph("GPU utilization", [Query(highest(series("candle_gpu_utilization_percent")), "{{instance}}")],
              "Of the busiest GPU; 0 where there is none.", "percent", width=8, height=6, maximum=100),
        Graph("Passes by device", [Query(total(rate("akidb_embed_device_calls_total"), "device"), "{{device}}")],
              "Passes given to a device per second; health probes count.", "ops", width=8, height=6, stacked=True),
    ],
    "Models": [
        Graph("Requests by model", [Query(total(rate("akidb_embed_model_requests_total"), "model"), "{{model}}")],
              "Embedding requests that went to each model, per second.", "reqps"),
        Graph("Memory of models", [Query(total(series("akidb_embed_model_resident_bytes"), "model"), "{{model}}"),
                                   Query(total(series("akidb_embed_models_memory_bytes")), "all"),
                                   Query(total(series("akidb_embed_models_memory_budget_bytes")), "budget")],
              "What each model takes, and all take of --models-memory-mb: weights that models share count once there. A budget of 0 is none.", "bytes"),
        Graph("Loaded", [Query(total(series("akidb_embed_model_ready"), "model"), "{{model}}")],
              "On how many instances each model is loaded and checked.", "none"),
        Graph("Loads", [Query(total(rate("akidb_embed_model_loads_total"), "model"), "{{model}}"),
                        Query(total(rate("akidb_embed_model_load_failures_total"), "model"), "{{model}} failed")],
              "Loads per second, and those that failed.", "ops"),
        Graph("Time to load", [Query(ratio(total(rate("akidb_embed_model_load_seconds_total"), "model"),
                                           total(rate("akidb_embed_model_loads_total"), "model")), "{{model}}")],
              "Mean over the loads, warming up and checking included.", "s"),
        Graph("Unloads", [Query(total(rate("akidb_embed_model_evictions_total"), "model"), "{{model}} for room"),
                          Query(total(rate("akidb_embed_model_idle_unloads_total"), "model"), "{{model}} idle")],
              "To make room for another model, or because nobody used it or an operator asked.", "ops"),
        Graph("Requests that waited for a load", [Query(total(rate("akidb_embed_model_load_waits_total"), "model"), "{{model}}")],
              "Per second.", "reqps", width=24),
    ],
})

RESILIENCE = Dashboard("resilience", "akidb-embed: resilience", "Circuit breakers, fallbacks, retries and refusals, and whether telemetry is whole.", {
    "Circuit breakers": [
        States("State of each device's breaker", [Query(highest(series("akidb_embed_circuit_breaker_state"), "instance, device"),
                                                        "{{instance}} {{device}}")],
               "Open: the device is not called until its cooldown is over. A GPU that is not there counts as closed.", width=16,
               mappings=BREAKER_STATES),
        Number("Best device's breaker", [Query(highest(series("candle_circuit_breaker_state")), "{{instance}}")],
               "/health/ready is 503 while it is open, also when the CPU serves instead.", width=8, height=8,
               mappings={value: BREAKER_STATES[value] for value in (0, 1, 2)}, thresholds={1: YELLOW, 2: RED}),
        Graph("Changes of state", [Query(total(f"increase({series('akidb_embed_circuit_breaker_transitions_total')}[$__rate_interval])",
                                               "device, from, to") + " > 0", "{{device}}: {{from}} to {{to}}")],
              "Changes within the interval. Empty while no breaker changes."),
        Graph("Passes not permitted", [Query(total(rate("akidb_embed_circuit_breaker_not_permitted_total"), "device"), "{{device}}")],
              "Passes that an open breaker kept from its device, per second.", "ops"),
        Graph("Late outcomes", [Query(total(rate("akidb_embed_circuit_breaker_late_total"), "device"), "{{device}}")],
              "Outcomes that came after the breaker had changed its state. They did not count.", "ops"),
    ],
    "Devices": [
        Graph("Passes by outcome", [Query(total(rate("akidb_embed_device_calls_total"), "device, outcome"), "{{device}} {{outcome}}")],
              "ignored: neither success nor failure of the device, for example when a request ran out of time.", "ops"),
        Graph("Share of passes that fail", [Query(ratio(
            total(rate("akidb_embed_device_calls_total", 'outcome="failure"'), "device"),
            total(rate("akidb_embed_device_calls_total"), "device")), "{{device}}")],
              "Five failures within 10 s open the breaker by default.", "percentunit", thresholds={0.01: RED}),
        Graph("Wrong vectors", [Query(total(rate("akidb_embed_device_wrong_vectors_total"), "device"), "{{device}}")],
              "Health probes whose vector was not the expected one. Any of them opens the breaker.", "ops", thresholds={1e-9: RED}),
        Graph("Passes given up", [Query(total(rate("akidb_embed_device_calls_abandoned_total"), "instance"), "{{instance}}")],
              "Passes that took longer than --device-timeout.", "ops"),
        Graph("Passes that have not come back", [Query(total(series("akidb_embed_device_calls_out"), "instance"), "{{instance}}")],
              "Given up, and still with the device. A value that stays means that the device hangs.", thresholds={1: RED}),
    ],
    "Fallback and retries": [
        Graph("Fallback", [Query(total(rate("akidb_embed_fallback_total"), "level"), "{{level}}")],
              "Requests that the best device could not serve, by what served them. none: they were refused.", "reqps", stacked=True),
        Graph("Retries", [Query(total(rate("akidb_embed_retries_total")), "tried again"),
                          Query(total(rate("akidb_embed_retry_budget_exhausted_total")), "not tried, budget used up")],
              "Passes tried again on the same device, and those not tried because too many recent ones were.", "ops"),
        Graph("Refused because of the load", [Query(total(rate("akidb_embed_rejected_total"), "reason"), "{{reason}}")],
              "Answered with 429 and Retry-After. The remedy is more instances.", "reqps", stacked=True),
    ],
    "Health": [
        States("Readiness", [Query(highest(series("akidb_embed_ready")), "{{instance}}")],
               "What /health/ready answers. An instance that is not ready asks to be left out of load balancing.", mappings=READY_STATES),
        States("Liveness", [Query(highest(series("akidb_embed_live")), "{{instance}}")],
               "What /health/live answers. Stuck: a worker does not come back, and the process should be restarted.",
               mappings=LIVE_STATES),
        Graph("Connections refused", [Query(total(rate("akidb_embed_connections_refused_total"), "instance"), "{{instance}}")],
              "Beyond --max-connections or --max-connections-per-address.", "cps"),
    ],
    "Telemetry": [
        Graph("Spans", [Query(total(rate("akidb_embed_spans_exported_total")), "exported")], "Spans that a collector took, per second.", "cps"),
        Graph("Spans dropped", [Query(total(rate("akidb_embed_spans_dropped_total"), "reason"), "{{reason}}")],
              "docs/TRACING.md explains each reason. export_failed is normal where there is no collector.", "cps", stacked=True),
        Graph("Log lines dropped", [Query(total(rate("akidb_embed_log_lines_dropped_total"), "instance"), "{{instance}}")],
              "Lines that could not be written fast enough, or at all.", "cps", thresholds={1e-9: RED}),
    ],
})

RESOURCES = Dashboard("resources", "akidb-embed: resources", "Memory, CPU, descriptors, threads and connections of each instance.", {
    "Processes": [
        Graph("Uptime", [Query(f"time() - {highest(series('process_start_time_seconds'))}", "{{instance}}")],
              "Time since the start of the process. A fall to 0 is a restart.", "s"),
        Graph("CPUs in use", [Query(total(rate("process_cpu_seconds_total"), "instance"), "{{instance}}")],
              "User and system time per second.", "short"),
        Graph("Threads", [Query(highest(series("process_threads")), "{{instance}}")], "Constant while the service runs."),
    ],
    "Memory": [
        Graph("Resident memory", [Query(highest(series("candle_memory_usage_bytes")), "{{instance}}")],
              "What --memory-limit (2048 MB) is compared with. The instance is not ready while it is over the limit.", "bytes",
              thresholds={1.6e9: YELLOW, 2.048e9: RED}),
        Graph("Resident and virtual memory", [Query(highest(series("process_resident_memory_bytes")), "{{instance}} resident"),
                                              Query(highest(series("process_virtual_memory_bytes")), "{{instance}} virtual")],
              "As the kernel counts them.", "bytes"),
        Graph("Memory of the cache", [Query(highest(series("akidb_embed_cache_bytes")), "{{instance}}")], "Bounded by --cache-mb.", "bytes"),
        Graph("Share of the memory limits", [
            Query(ratio(highest(series("candle_memory_usage_bytes")), highest(series("akidb_embed_memory_limit_bytes"))),
                  "{{instance}} --memory-limit"),
            Query(ratio(highest(series("akidb_embed_cgroup_memory_usage_bytes")), highest(series("akidb_embed_cgroup_memory_limit_bytes"))),
                  "{{instance}} control group")],
              "At 1 of the first the instance is not ready; near 1 of the second requests fail. 0 where the group has no limit.",
              "percentunit", width=16, thresholds={0.85: YELLOW, 1: RED}),
        Number("Certificate ends in", [Query(f"{highest(series('akidb_embed_tls_certificate_end_timestamp_seconds'))} - time() > 0",
                                             "{{instance}}")],
               "Time until the TLS certificate in use ends. Empty without TLS, and when it has ended.", "s", width=8, height=8,
               thresholds=CERTIFICATE_S),
    ],
    "Descriptors and connections": [
        Graph("Open descriptors", [Query(highest(series("process_open_fds")), "{{instance}}")],
              "Each connection takes one."),
        Graph("Share of the descriptor limit", [Query(ratio(highest(series("process_open_fds")), highest(series("process_max_fds"))), "{{instance}}")],
              "At 1 no connection can be accepted.", "percentunit", maximum=1, thresholds={0.8: YELLOW, 0.95: RED}),
        Graph("Connections", [Query(highest(series("akidb_embed_connections")), "{{instance}}")],
              "Open client connections; --max-connections (4096) limits them."),
    ],
    "Other routes": [
        Graph("Requests by route", [Query(total(rate("akidb_embed_http_requests_total"), "route"), "{{route}}")],
              "All HTTP requests, health and scrapes included.", "reqps", width=12),
        Graph("GPU utilization", [Query(highest(series("candle_gpu_utilization_percent")), "{{instance}}")],
              "Of the busiest GPU; 0 where there is none.", "percent", width=12, maximum=100),
    ],
})

DASHBOARDS = OVERVIEW, ENGINE, RESILIENCE, RESOURCES


def label_variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "definition": query,
            "query": {"query": query, "refId": "variable"}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}, "hide": 0, "regex": "", "options": []}


def variables():
    return [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "multi": False,
             "includeAll": False, "current": {}, "hide": 0, "regex": "", "options": []},
            label_variable("job", "Job", "label_values(candle_requests_total, job)"),
            label_variable("instance", "Instance", 'label_values(candle_requests_total{job=~"$job"}, instance)')]


def annotations():
    return [{"name": "Restarts", "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": "purple",
             "expr": f"{series('process_start_time_seconds')} * 1000", "useValueForTime": True, "step": "60s",
             "titleFormat": "start of {{instance}}", "textFormat": "", "tagKeys": ""}]


def panels(rows):
    found = []
    y = 0
    for title, row in rows.items():
        found.append({"id": len(found) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                      "gridPos": {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1}})
        y += 1
        x = height = 0
        for panel in row:
            if x + panel.width > GRID_WIDTH:
                y += height
                x = height = 0
            found.append(panel.as_json(len(found) + 1, x, y))
            x += panel.width
            height = max(height, panel.height)
        y += height
    return found


def as_json(dashboard):
    return {"uid": f"akidb-embed-{dashboard.name}", "title": dashboard.title, "description": dashboard.description,
            "tags": ["akidb-embed"], "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": False, "graphTooltip": 1,
            "timezone": "browser", "refresh": "10s", "time": {"from": "now-30m", "to": "now"},
            "links": [{"type": "dashboards", "title": "akidb-embed", "tags": ["akidb-embed"], "asDropdown": False,
                       "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
            "annotations": {"list": annotations()}, "templating": {"list": variables()}, "panels": panels(dashboard.rows)}


def files():
    """{file name: text} of all dashboards."""
    return {f"{dashboard.name}.json": json.dumps(as_json(dashboard), indent=2) + "\n" for dashboard in DASHBOARDS}


def main():
    parser = argparse.ArgumentParser(description="Writes the Grafana dashboards in dashboards/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file differs")
    check = parser.parse_args().check
    stale = 0
    for name, text in files().items():
        path = FOLDER / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            print(f"{path} is not what make_dashboards.py writes: run it without --check", file=sys.stderr)
            stale += 1
        if not check:
            path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
