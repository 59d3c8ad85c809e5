// values.js - asks the service for the values of marks: one question at a time, the last one wins, answers are kept for a while. No DOM.

const KEPT = 100;
const FAILED_FOR_MS = 5000;

export class Values {
    /** ask(question) promises the values; onAnswer() when there is one. question: {series, object, frame, kind, points}. */
    constructor({ ask, onAnswer, now = () => performance.now() }) {
        Object.assign(this, { ask, onAnswer, now });
        this.answers = new Map(); // key -> {values} or {failed, at}
        this.asked = null; // key of what is on its way
        this.next = null; // what is asked after it
    }

    static key({ series, object, frame, kind, points }) {
        return `${series}/${object}-${frame} ${kind} ${points.join(' ')}`;
    }

    /** {values, state}: state "known", "waiting" or "failed". */
    look(question) {
        const answer = this.answers.get(Values.key(question));
        if (answer?.values) return { values: answer.values, state: 'known' };
        if (answer && this.now() - answer.at < FAILED_FOR_MS) return { values: null, state: 'failed' };
        return { values: null, state: 'waiting' };
    }

    /** Ask as soon as the question before is answered, unless another one comes in between. */
    want(question) {
        const key = Values.key(question);
        if (this.asked === key || this.look(question).state !== 'waiting') return;
        this.next = question;
        if (this.asked === null) this.#go();
    }

    async #go() {
        while (this.next) {
            const question = this.next;
            const key = Values.key(question);
            this.next = null;
            this.asked = key;
            let answer;
            try {
                answer = { values: await this.ask(question) };
            } catch {
                answer = { failed: true, at: this.now() };
            }
            this.asked = null;
            this.answers.delete(key);
            this.answers.set(key, answer);
            if (this.answers.size > KEPT) this.answers.delete(this.answers.keys().next().value);
            this.onAnswer();
        }
    }
}
