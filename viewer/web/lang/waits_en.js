export default {
    'waits.first': 'First picture {s} s',
    'waits.all': 'all {s} s',
};
