import Foundation
import Ports

/// nginx and nghttpd with one file: what a server does that has nothing to find out. One process each, no log, the
/// instance's own certificate.
final class FileServers {
    let nginx: Int
    let nginxTLS: Int
    let nghttpd: Int
    private let programs: [Background]

    /// - Parameter file: what they serve as `/listing`.
    init(_ instance: Instance, file: [UInt8]) async throws {
        let folder = "\(instance.data)/bench-files"
        try FileManager.default.createDirectory(atPath: "\(folder)/public", withIntermediateDirectories: true)
        try Data(file).write(to: URL(filePath: "\(folder)/public/listing"))
        (nginx, nginxTLS, nghttpd) = (try FreePort.next(), try FreePort.next(), try FreePort.next())
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder)/\($0);" }
        let configuration = """
            daemon off;
            master_process off;
            pid \(folder)/nginx.pid;
            error_log stderr error;
            events { worker_connections 4096; }
            http {
                access_log off;
                sendfile on;
                keepalive_timeout 75s;
                keepalive_requests 1000000000;
                default_type "application/json; charset=utf-8";
                \(temporary.joined(separator: "\n    "))
                root \(folder)/public;
                server { listen 127.0.0.1:\(nginx); }
                server {
                    listen 127.0.0.1:\(nginxTLS) ssl;
                    ssl_certificate \(instance.certificate).pem;
                    ssl_certificate_key \(instance.certificate).key;
                    ssl_protocols TLSv1.2 TLSv1.3;
                }
            }
            """
        try configuration.write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
        programs = [
            try Background(
                "/usr/sbin/nginx", ["-c", "\(folder)/nginx.conf", "-p", folder], of: instance, name: "nginx"),
            try Background(
                "/usr/sbin/nghttpd",
                [
                    "-n1", "--htdocs=\(folder)/public", "--address=127.0.0.1", "\(nghttpd)",
                    "\(instance.certificate).key", "\(instance.certificate).pem",
                ], of: instance, name: "nghttpd"),
        ]
        for port in [nginx, nginxTLS, nghttpd] { try await until("port \(port)") { Socket.isOpen(port: port) } }
    }

    func stop() { for program in programs { program.stop() } }
}
