import CNGHTTP2

/// A response's fields as nghttp2 takes them: it is told where their bytes are.
struct HTTP2FieldList {
    /// Kept for its room.
    private var list: [nghttp2_nv] = []

    /// The last of `own` is the status and comes first. What `body` gets is valid until it returns.
    mutating func lend(
        _ own: borrowing FieldBlock, and laidOut: FinishedResponse?, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void
    ) {
        list.removeAll(keepingCapacity: true)
        own.lines.withUnsafeBufferPointer { lines in
            append(own.spans.suffix(1), lines)
            append(own.spans.dropLast(), lines)
            guard let laidOut else { return list.withUnsafeBufferPointer(body) }
            laidOut.fields.lines.withUnsafeBufferPointer { lines in
                append(laidOut.fields.spans[...], lines)
                list.withUnsafeBufferPointer(body)
            }
        }
    }

    private mutating func append(_ spans: ArraySlice<FieldBlock.Span>, _ lines: UnsafeBufferPointer<UInt8>) {
        guard let start = lines.baseAddress else { return }
        for span in spans {
            // nghttp2 only reads, whatever its declaration says.
            list.append(
                nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: start + span.start),
                    value: UnsafeMutablePointer(mutating: start + span.valueStart), namelen: span.nameLength,
                    valuelen: span.valueLength,
                    flags: UInt8((span.isUnique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE).rawValue)))
        }
    }
}
