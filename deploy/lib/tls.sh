# shellcheck shell=bash
# A certificate authority for one machine, and the certificate that its services use: what --tls needs.

require_openssl() {
    command -v openssl >/dev/null || fail "--tls needs the program openssl, as root run: apt-get install openssl"
}

# https_port BASE SERVICE: empty for a service that only speaks http.
https_port() {
    case $2 in
    query) printf '%s\n' $(($1 + 100)) ;;
    command) printf '%s\n' $(($1 + 101)) ;;
    esac
}

# prepare_certificates FOLDER: makes what is not there, or ends within a week, or names another machine.
prepare_certificates() {
    local folder=$1 host names
    host=$(uname -n)
    names=DNS:localhost,IP:127.0.0.1,IP:::1
    # A name that is none, in a certificate, would be no certificate.
    [[ $host == localhost || ! $host =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || names+=,DNS:$host
    mkdir -p "$folder"
    chmod 700 "$folder"
    if ! lasts "$folder/ca.pem" || [[ ! -s $folder/ca.key ]]; then
        certify "$folder/ca" 3650 "/CN=Closter on $host" -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
            -addext keyUsage=critical,keyCertSign,cRLSign
        rm -f "$folder/server.pem"
    fi
    if ! lasts "$folder/server.pem" || [[ ! -s $folder/server.key || $(cat "$folder/names" 2>/dev/null) != "$names" ]]; then
        certify "$folder/server" 90 /CN=localhost -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
            -addext basicConstraints=critical,CA:FALSE -addext "subjectAltName=$names" \
            -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=serverAuth
        printf '%s\n' "$names" >"$folder/names"
    fi
}

# lasts FILE: is it a certificate that is good for another week?
lasts() { [[ -s $1 ]] && openssl x509 -in "$1" -noout -checkend $((7 * 24 * 3600)) >/dev/null 2>&1; }

# certify FILE DAYS SUBJECT OPTION...: makes FILE.key, readable by its owner only, and FILE.pem. The certificate comes last:
# without it everything is made again.
certify() {
    local file=$1 days=$2 subject=$3 said
    shift 3
    said=$(umask 077 && openssl req -config /dev/null -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
        -days "$days" -subj "$subject" -keyout "$file.key.new" -out "$file.pem.new" "$@" 2>&1) ||
        fail "openssl cannot make $file.pem: $said"
    chmod 644 "$file.pem.new"
    rm -f "$file.pem"
    mv "$file.key.new" "$file.key"
    mv "$file.pem.new" "$file.pem"
}
