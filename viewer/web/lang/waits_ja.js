export default {
    'waits.first': '最初の画像 {s} 秒',
    'waits.all': '全画像 {s} 秒',
};
