public import Logging

/// The process's logging.
public enum Logs {
    /// Sends every `Logger` of the process to standard error as JSON lines, and returns the service's own logger.
    /// To be called once, before any other logger is made.
    @discardableResult
    public static func bootstrap(service: String, level: Logger.Level = .info) -> Logger {
        LoggingSystem.bootstrap(
            { label, provider in
                JSONLogHandler(
                    service: service, label: label, level: level, sink: .standardError, metadataProvider: provider)
            }, metadataProvider: nil)
        return Logger(label: service)
    }
}
