// router.js - which page an address means, and moving between pages without loading anew.

/** {page: "home"}, which depends on who reads, {page: "list"}, {page: "patient", patientId}, {page: "study", studyId}, {page: "admin", section},
 *  {page: "sign-in"}, {page: "welcome", code}, {page: "account"} or {page: "display"}. */
export function parse(path) {
    const admin = /^\/admin(?:\/([a-z]{1,20}))?\/?$/.exec(path);
    if (admin) return { page: 'admin', section: admin[1] ?? '' };
    if (/^\/sign-in\/?$/.test(path)) return { page: 'sign-in' };
    if (/^\/account\/?$/.test(path)) return { page: 'account' };
    if (/^\/display\/?$/.test(path)) return { page: 'display' };
    const welcome = /^\/welcome\/([\w-]{1,64})\/?$/.exec(path);
    if (welcome) return { page: 'welcome', code: welcome[1] };
    const match = /^\/(studies|patients)\/(\d{1,18})\/?$/.exec(path);
    if (match?.[1] === 'patients') return { page: 'patient', patientId: Number(match[2]) };
    if (match) return { page: 'study', studyId: Number(match[2]) };
    return { page: path === '/' ? 'home' : 'list' };
}

/** show(route) is called at once, and again whenever the address changes. Returns {go(path)}. */
export function startRouter(show) {
    const render = () => show(parse(location.pathname));
    const go = (path) => {
        history.pushState(null, '', path);
        render();
    };
    addEventListener('popstate', render);
    document.addEventListener('click', (event) => {
        const link = event.target.closest?.('a[data-route]');
        const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
        if (!link || !plain) return;
        event.preventDefault();
        go(link.getAttribute('href'));
    });
    render();
    return { go };
}
