import CNGHTTP2
import NIOCore

/// The state of one connection in libnghttp2, and what it calls.
///
/// It holds no reference to its handler: nghttp2 calls only from within `mem_recv` and `mem_send`, which only the handler
/// calls, and the handler is alive while it does.
final class HTTP2Session {
    /// What a client may have in flight for one request: as much as its reader lets lie.
    static let streamWindow = Int32(InboundBody.high)
    /// And on the connection: four slow readers, without which a fast one would not get its share.
    static let connectionWindow: Int32 = 1 << 20
    static let streams = 128

    let pointer: OpaquePointer

    init(_ handler: HTTP2Handler, limits: TransportLimits) throws {
        var session: OpaquePointer?
        try Self.check(
            nghttp2_session_server_new2(
                &session, Self.callbacks, Unmanaged.passUnretained(handler).toOpaque(), Self.options))
        guard let session else { throw HTTP2Failure(code: NGHTTP2_ERR_NOMEM.rawValue) }
        pointer = session
        let settings = [
            (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, UInt32(Self.streams)),
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(Self.streamWindow)),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, UInt32(limits.headBytes)),
            // Whoever may order others about may make us work for nothing: all are served in turn.
            (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ].map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: $0.1) }
        try Self.check(
            nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count))
        try Self.check(
            nghttp2_session_set_local_window_size(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Self.connectionWindow))
    }

    deinit { nghttp2_session_del(pointer) }

    static func check(_ code: Int32) throws { if code != 0 { throw HTTP2Failure(code: code) } }

    // MARK: What libnghttp2 bounds

    /// Never changed once it is made.
    nonisolated(unsafe) private static let options: OpaquePointer? = {
        var option: OpaquePointer?
        guard nghttp2_option_new(&option) == 0 else { return nil }
        nghttp2_option_set_no_auto_window_update(option, 1)
        // Acknowledgements that a client asks for and does not read.
        nghttp2_option_set_max_outbound_ack(option, 256)
        nghttp2_option_set_max_settings(option, 32)
        nghttp2_option_set_max_continuations(option, 8)
        nghttp2_option_set_max_send_header_block_length(option, 64 << 10)
        // A browser that leaves a page resets dozens at once.
        nghttp2_option_set_stream_reset_rate_limit(option, 256, 32)
        return option
    }()

    /// Never changed once it is made.
    nonisolated(unsafe) private static let callbacks: OpaquePointer? = {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            HTTP2Session.handler(user) { if let frame { $0.headBegins(frame.pointee.hd.stream_id) } }
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameLength, value, valueLength, _, user in
            if frame?.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
                HTTP2Session.handler(user) {
                    $0.takeField(
                        UnsafeBufferPointer(start: name, count: nameLength),
                        UnsafeBufferPointer(start: value, count: valueLength))
                }
            }
            return 0
        }
        // Without this a field that is none would be passed over, and the request with it be taken for a good one.
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, _, _, _, _, _, _, _ in
            NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            HTTP2Session.handler(user) { if let frame { $0.frameReceived(frame) } }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, bytes, count, user in
            HTTP2Session.handler(user) { $0.receive(UnsafeRawBufferPointer(start: bytes, count: count), id) }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, _, user in
            HTTP2Session.handler(user) { $0.closed(id) }
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, _, head, count, source, user in
            var result = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            HTTP2Session.handler(user) { handler in
                guard let stream = HTTP2Session.stream(source), let head else { return }
                result = handler.sendData(UnsafeRawBufferPointer(start: head, count: 9), count, of: stream)
            }
            return result
        }
        return callbacks
    }()

    /// Without a reference of its own: this is called for every field of every request.
    private static func handler(_ user: UnsafeMutableRawPointer?, _ body: (HTTP2Handler) -> Void) {
        guard let user else { return }
        Unmanaged<HTTP2Handler>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    }

    // MARK: Streams

    /// nghttp2 keeps a stream's object without a reference: the handler has one for as long as the stream is open.
    func stream(_ id: Int32) -> HTTP2Stream? {
        nghttp2_session_get_stream_user_data(pointer, id).map {
            Unmanaged<HTTP2Stream>.fromOpaque($0).takeUnretainedValue()
        }
    }

    func set(_ stream: HTTP2Stream) {
        nghttp2_session_set_stream_user_data(pointer, stream.id, Unmanaged.passUnretained(stream).toOpaque())
    }

    private static func stream(_ source: UnsafeMutablePointer<nghttp2_data_source>?) -> HTTP2Stream? {
        source?.pointee.ptr.map { Unmanaged<HTTP2Stream>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Where nghttp2 gets a response's body: it is told how much there is, and `sendData` moves it.
    static func provider(_ stream: HTTP2Stream) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque())
        ) { session, id, _, most, flags, source, _ in
            guard let stream = HTTP2Session.stream(source), let flags else {
                return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
            }
            let count = min(stream.response.bytes, most)
            if count == 0, !stream.isAnswered {
                stream.isDeferred = true
                return Int(NGHTTP2_ERR_DEFERRED.rawValue)
            }
            flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
            if stream.isAnswered, count == stream.response.bytes {
                flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
                // The answer is complete and the rest of the request is not wanted (RFC 9113 §8.1).
                if !stream.isReceived {
                    nghttp2_submit_rst_stream(
                        session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, NGHTTP2_NO_ERROR.rawValue)
                }
            }
            return count
        }
    }
}

/// libnghttp2 could not go on.
struct HTTP2Failure: Error { var code: Int32 }
