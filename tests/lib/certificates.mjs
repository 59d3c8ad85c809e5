// certificates.mjs - certificates for tests, made anew each time by openssl: authorities, what they issue, what they revoke.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

function openssl(args, cwd) {
    const done = spawnSync('openssl', args, { cwd, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`openssl ${args.join(' ')} ended with ${done.status}:\n${done.stderr}`);
    return done.stdout;
}

/** YYYYMMDDHHMMSSZ of now and so many days. */
function date(days) {
    return `${new Date(Date.now() + days * 86400000).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

export class Authority {
    constructor(folder, name) {
        Object.assign(this, { folder: path.join(folder, name), name });
        fs.mkdirSync(this.folder, { recursive: true });
        fs.writeFileSync(path.join(this.folder, 'index.txt'), '');
        fs.writeFileSync(path.join(this.folder, 'index.txt.attr'), 'unique_subject = no\n');
        fs.writeFileSync(path.join(this.folder, 'ca.conf'), `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = ${name}
[ca]
default_ca = this
[this]
dir = ${this.folder}
database = $dir/index.txt
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
rand_serial = yes
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
`);
        openssl(['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-config', 'ca.conf', '-extensions', 'v3_ca', '-days', '30', '-keyout', 'ca.key', '-out', 'ca.pem'], this.folder);
        this.file = path.join(this.folder, 'ca.pem');
    }

    /** {key, certificate} of files. usage: clientAuth, serverAuth, both with a comma, or null for no extended key usage; days: from, until. */
    issue(name, { usage = 'clientAuth, serverAuth', days = [-1, 30], hosts = 'DNS:localhost, IP:127.0.0.1', algorithm = ['rsa:2048'] } = {}) {
        const key = path.join(this.folder, `${name}.key`);
        const certificate = path.join(this.folder, `${name}.pem`);
        openssl(['req', '-new', '-newkey', ...algorithm, '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', `${name}.csr`], this.folder);
        fs.writeFileSync(path.join(this.folder, `${name}.ext`), `basicConstraints = CA:FALSE\nkeyUsage = digitalSignature\nsubjectAltName = ${hosts}\n${usage ? `extendedKeyUsage = ${usage}\n` : ''}`);
        openssl(['ca', '-batch', '-config', 'ca.conf', '-startdate', date(days[0]), '-enddate', date(days[1]), '-extfile', `${name}.ext`, '-in', `${name}.csr`, '-out', certificate, '-notext'], this.folder);
        return { key, certificate };
    }

    revoke({ certificate }) { openssl(['ca', '-config', 'ca.conf', '-revoke', certificate], this.folder); }

    /** The list of what is revoked by now, written to a file. */
    list(file = path.join(this.folder, 'list.crl')) {
        openssl(['ca', '-config', 'ca.conf', '-gencrl', '-out', file], this.folder);
        return file;
    }
}

/** A certificate that nobody has issued. */
export function selfSigned(folder, name) {
    const key = path.join(folder, `${name}.key`);
    const certificate = path.join(folder, `${name}.pem`);
    openssl(['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-addext', 'extendedKeyUsage = clientAuth', '-keyout', key, '-out', certificate], folder);
    return { key, certificate };
}

/** SHA-256 of a certificate as openssl prints it, AB:CD:... */
export function fingerprint({ certificate }) {
    return openssl(['x509', '-in', certificate, '-noout', '-fingerprint', '-sha256']).trim().split('=')[1];
}
