#if DEBUG && CLOSTER_LIBFUZZER
private let service: Service = {
    Jobs.take()
    do { return try Service() } catch { fail("the service cannot begin: \(error)") }
}()

/// What libFuzzer calls, which brings its own main: it looks for inputs that reach code no other has reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    Connection.test(Array(UnsafeBufferPointer(start: bytes, count: count)), service)
    return 0
}
#endif
