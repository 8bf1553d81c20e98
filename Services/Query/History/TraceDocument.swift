import Documents
import EventSourcing
import Foundation
import JSON

/// The JSON of `GET /v1/trace/{correlation_id}`:
///
/// ```json
/// {
///   "correlation_id": "0190…",
///   "truncated": false,
///   "request": {"requested_at": "…", "actor": "…", "on_behalf_of": null, "traceparent": "…"},
///   "events": [{
///     "position": 7, "type": "ItemReceived", "…": "as in /v1/events",
///     "projections": [{"projection": "items", "generation": 1, "position": 9, "tailed_at": "…", "committed_at": "…",
///                      "tail_ms": 1.204, "lag_ms": 4.031}]
///   }],
///   "tasks": [{"id": "0190…", "kind": "…", "position": 7, "command_id": "0190…", "created_at": "…", "run_at": "…",
///              "attempts": 1, "completed_at": null}],
///   "caused": [{"import_id": "import_…", "href": "/v1/imports/import_…", "counts": {"created": 2, "…": 0},
///               "lines": [{"line": 2, "outcome": "created", "correlation_id": "0190…", "href": "/v1/trace/0190…"}]}]
/// }
/// ```
///
/// `request` is as the first event remembers it. A projection's `position` is the checkpoint of the batch that held
/// the event; all four of its times are null while it has not got there. `tail_ms` is the time from the event's
/// `recorded_at` to its reading by the projector, `lag_ms` to the commit that made it visible; milliseconds, by the
/// clocks of server and projector. `lines` are the first that made events; every line is in the import's report.
/// `truncated`: there are more events, tasks or lines than are told here.
enum TraceDocument {
    static func bytes(_ trace: Trace) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024 + trace.entries.count * 1024)
        writer.object { writer in
            writer.member("correlation_id", trace.correlationID.text)
            writer.key("truncated")
            writer.bool(trace.isTruncated)
            writer.key("request")
            write(trace.request, to: &writer)
            writer.key("events")
            writer.array { writer in
                for entry in trace.entries { write(entry, to: &writer) }
            }
            writer.key("tasks")
            writer.array { writer in
                for task in trace.tasks { write(task, to: &writer) }
            }
            writer.key("caused")
            writer.array { writer in
                for caused in trace.imports { write(caused, to: &writer) }
            }
        }
        return writer.bytes
    }

    private static func write(_ request: Trace.Request?, to writer: inout JSONWriter) {
        guard let request else { return writer.null() }
        writer.object { writer in
            writer.member("requested_at", request.requestedAt?.rfc3339)
            writer.member("actor", request.actor)
            writer.member("on_behalf_of", request.onBehalfOf)
            writer.member("traceparent", request.traceparent)
        }
    }

    private static func write(_ entry: Trace.Entry, to writer: inout JSONWriter) {
        // The event's own document, with one member more.
        var bytes = entry.event.bytes
        bytes.removeLast()
        bytes.append(contentsOf: ",\"projections\":".utf8)
        var hops = JSONWriter(appendingTo: bytes)
        hops.array { writer in
            for hop in entry.hops {
                writer.object { writer in
                    writer.member("projection", hop.projection)
                    writer.member("generation", Int64(hop.generation))
                    writer.key("position")
                    if let checkpoint = hop.checkpoint { writer.integer(checkpoint) } else { writer.null() }
                    writer.member("tailed_at", hop.tailedAt?.rfc3339)
                    writer.member("committed_at", hop.committedAt?.rfc3339)
                    writer.milliseconds("tail_ms", from: entry.event.recordedAt, to: hop.tailedAt)
                    writer.milliseconds("lag_ms", from: entry.event.recordedAt, to: hop.committedAt)
                }
            }
        }
        writer.raw(hops.bytes + [UInt8(ascii: "}")])
    }

    private static func write(_ task: Trace.Task, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", task.id.text)
            writer.member("kind", task.kind)
            writer.member("position", task.position)
            writer.member("command_id", task.commandID.text)
            writer.member("created_at", task.createdAt.rfc3339)
            writer.member("run_at", task.runAt.rfc3339)
            writer.member("attempts", Int64(task.attempts))
            writer.member("completed_at", task.completedAt?.rfc3339)
        }
    }

    private static func write(_ caused: Trace.CausedImport, to writer: inout JSONWriter) {
        let id = TypeID(prefix: "import", uuid: caused.id).description
        writer.object { writer in
            writer.member("import_id", id)
            writer.member("href", "/v1/imports/\(id)")
            writer.key("counts")
            writer.object { writer in
                for outcome in ImportOutcome.allCases { writer.member(outcome.rawValue, caused.counts[outcome]) }
            }
            writer.key("lines")
            writer.array { writer in
                for line in caused.lines {
                    writer.object { writer in
                        writer.member("line", Int64(line.line))
                        writer.member("outcome", line.outcome)
                        writer.member("correlation_id", line.correlationID.text)
                        writer.member("href", "/v1/trace/\(line.correlationID.text)")
                    }
                }
            }
        }
    }
}

extension JSONWriter {
    /// With three decimals; null where an end is missing.
    fileprivate mutating func milliseconds(_ name: String, from start: Timestamp, to end: Timestamp?) {
        key(name)
        guard let end else { return null() }
        let microseconds = end.microseconds - start.microseconds
        let digits = String(microseconds.magnitude % 1000)
        let text =
            "\(microseconds < 0 ? "-" : "")\(microseconds.magnitude / 1000)."
            + String(repeating: "0", count: 3 - digits.count) + digits
        raw(text.utf8)
    }
}
